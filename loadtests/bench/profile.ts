// `npm run bench -- --profile <part>`: where a process spends its time during each variant, as docs/flame/<part>-<variant>.svg.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Frame, flameGraph, selfTimes } from './flame-graph.ts';
import { profileNode } from './inspector.ts';
import { type Bench, warmUp } from './measure.ts';
import { profileWithPerf } from './perf.ts';
import type { Variant } from './variants.ts';

const DIR = 'docs/flame';
const MOST_BYTES = 300_000;
const WARM_SECONDS = 5;
const TOP = 30;
/** The parts that are no Node processes. */
const NATIVE = ['envoy', 'valkey', 'postgres', 'postgres-replica', 'kafka'];

export async function takeProfile(
  bench: Bench,
  part: string,
  variants: readonly Variant[],
  say: (line: string) => void,
): Promise<void> {
  const pid = bench.subject.pids.get(part);
  if (pid === undefined)
    throw new Error(`--profile ${part}: the parts are ${[...bench.subject.pids.keys()].join(', ')}`);
  const profile = NATIVE.includes(part) ? profileWithPerf : profileNode;
  for (const variant of variants) {
    const load = (seconds: number) => () => warmUp(bench, variant, seconds);
    const frames = await profile(pid, load(WARM_SECONDS), load(bench.seconds));
    say(`\n${part} during ${variant.name}: ${write(frames, part, variant.name)}`);
    for (const { name, place, share } of selfTimes(frames, TOP))
      say(`${(share * 100).toFixed(1).padStart(6)} %  ${name}  ${place}`);
  }
}

function write(frames: Frame, part: string, variant: string): string {
  const file = path.join(DIR, `${part}-${variant}.svg`);
  const svg = flameGraph(frames, `${part} during ${variant}: CPU time without idling`);
  if (svg.length > MOST_BYTES) throw new Error(`${file} would have ${svg.length} bytes.`);
  mkdirSync(DIR, { recursive: true });
  writeFileSync(file, svg);
  return file;
}
