// What was measured, by label: all of it in .local/bench (a run replaces the variants that it measured), the medians among the sources.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Quantiles } from './job.ts';
import type { Machine, Versions } from './machine.ts';
import type { Measurement } from './measure.ts';
import { type Options, UNNAMED } from './options.ts';
import { median } from './statistics.ts';
import { variants } from './variants.ts';

const RAW_DIR = '.local/bench';
const MEDIANS_DIR = 'loadtests/bench/results';

/** The rounds of one variant and the circumstances. */
export interface Series {
  readonly machine: Machine & Versions;
  readonly seconds: number;
  readonly rounds: readonly Measurement[];
}

export interface Results {
  readonly label: string;
  readonly variants: Readonly<Record<string, Series>>;
}

export interface Medians {
  readonly perSecond: number;
  /** By part, and `all` of the mesh; without the generator. */
  readonly cpuUs: Readonly<Record<string, number>>;
  readonly cpuAfterUs: number;
  readonly generatorUs: number;
  readonly latencyMs: Pick<Quantiles, 'p50' | 'p90' | 'p99'>;
}

export interface MedianFile {
  readonly label: string;
  readonly machine: Machine & Versions;
  readonly variants: Readonly<Record<string, Medians>>;
}

/** Joins what was measured now with what is known under the label, and writes both files. */
export function keepResults(
  { label, seconds }: Options,
  machine: Series['machine'],
  measured: readonly Measurement[],
): Results {
  const raw = path.join(RAW_DIR, `${label}.json`);
  const known: Record<string, Series> = { ...read<Results>(raw)?.variants };
  for (const { variant } of measured)
    known[variant] = { machine, seconds, rounds: measured.filter((one) => one.variant === variant) };
  const ordered = variants.flatMap(({ name }) => (known[name] === undefined ? [] : [[name, known[name]] as const]));
  const results = { label, variants: Object.fromEntries(ordered) };
  const medians = Object.fromEntries(ordered.map(([name, series]) => [name, mediansOf(series.rounds)]));
  write(raw, results);
  if (label !== UNNAMED)
    write(path.join(MEDIANS_DIR, `${machine.date.slice(0, 10)}-${label}.json`), { label, machine, variants: medians });
  return results;
}

export function mediansOf(rounds: readonly Measurement[]): Medians {
  const of = (figure: (round: Measurement) => number): number => rounded(median(rounds.map(figure)));
  const parts = Object.keys(rounds[0]?.cpuUs ?? {}).filter((part) => part !== 'generator');
  const sum = (cpu: Measurement['cpuUs']): number => parts.reduce((total, part) => total + (cpu[part] ?? 0), 0);
  return {
    perSecond: of((round) => round.perSecond),
    cpuUs: {
      all: of((round) => sum(round.cpuUs)),
      ...Object.fromEntries(parts.map((part) => [part, of((round) => round.cpuUs[part] ?? 0)])),
    },
    cpuAfterUs: of((round) => sum(round.cpuAfterUs)),
    generatorUs: of((round) => round.cpuUs.generator ?? 0),
    latencyMs: {
      p50: of((round) => round.latencyMs.p50),
      p90: of((round) => round.latencyMs.p90),
      p99: of((round) => round.latencyMs.p99),
    },
  };
}

/** The newest medians with the label. Throws when there are none. */
export function readMedians(label: string): MedianFile {
  const ends = `-${label}.json`;
  const names = readdirSync(MEDIANS_DIR).filter((name) => name.endsWith(ends) && name.length === 10 + ends.length);
  const newest = names.sort().at(-1);
  if (newest === undefined) throw new Error(`There is no ${MEDIANS_DIR}/<date>${ends}.`);
  return read<MedianFile>(path.join(MEDIANS_DIR, newest)) as MedianFile;
}

const rounded = (value: number): number => Number(value.toPrecision(4));

function read<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function write(file: string, content: object): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`);
}
