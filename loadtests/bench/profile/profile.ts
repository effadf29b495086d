// `npm run bench -- --profile <part>`: where a process spends its time during each variant, as docs/flame/<part>-<variant>.svg.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Bench, warmUp } from '../measure.ts';
import type { Variant } from '../variants.ts';
import { type Frame, flameGraph, selfTimes } from './flame-graph.ts';
import { profileNode } from './inspector.ts';
import { profileWithPerf } from './perf.ts';

const DIR = 'docs/flame';
const MOST_BYTES = 300_000;
const WARM_SECONDS = 15;
const TOP = 30;
/** The parts that are no Node processes. */
const NATIVE = ['envoy', 'valkey', 'postgres', 'postgres-replica', 'kafka'];

/** Each of the parts during each of the variants. */
export async function takeProfiles(
  bench: Bench,
  parts: readonly string[],
  variants: readonly Variant[],
): Promise<void> {
  const { pids } = bench.subject;
  const unknown = parts.find((part) => !pids.has(part));
  if (unknown !== undefined) throw new Error(`--profile ${unknown}: the parts are ${[...pids.keys()].join(', ')}`);
  for (const part of parts) for (const variant of variants) await takeProfile(bench, part, variant);
}

async function takeProfile(bench: Bench, part: string, variant: Variant): Promise<void> {
  const { say, subject, seconds } = bench;
  const load = (length: number) => () => warmUp(bench, variant, length);
  const profile = NATIVE.includes(part) ? profileWithPerf : profileNode;
  const frames = await profile(subject.pids.get(part) as number, load(WARM_SECONDS), load(seconds));
  say(`\n${part} during ${variant.name}: ${write(frames, part, variant.name)}`);
  for (const { name, place, share } of selfTimes(frames, TOP))
    say(`${(share * 100).toFixed(1).padStart(6)} %  ${name}  ${place}`);
}

function write(frames: Frame, part: string, variant: string): string {
  const file = path.join(DIR, `${part}-${variant}.svg`);
  const svg = flameGraph(frames, `${part} during ${variant}: CPU time without idling`);
  if (svg.length > MOST_BYTES) throw new Error(`${file} would have ${svg.length} bytes.`);
  mkdirSync(DIR, { recursive: true });
  writeFileSync(file, svg);
  return file;
}
