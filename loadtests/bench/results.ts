// What was measured, by label, with every round. A run replaces what it measured and leaves the rest.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ClickFigures } from './clicks/clicks.ts';
import type { Quantiles } from './generator/job.ts';
import type { HotSetFigures } from './hot-set/hot-set.ts';
import type { LinkStatisticsFigures } from './link-statistics/link-statistics.ts';
import type { Machine, Versions } from './machine.ts';
import type { Measurement } from './measure.ts';
import { UNNAMED } from './options.ts';
import { median } from './statistics.ts';
import { variants } from './variants.ts';

/** Those that are somebody's reference stand among the sources. */
const DIRS = { named: 'loadtests/bench/results', unnamed: '.local/bench' } as const;
const DIGITS = 4;

/** When and where something was measured. */
export interface Circumstances {
  readonly machine: Machine & Versions;
  /** Of each load. */
  readonly seconds: number;
}

/** The rounds of one variant. */
export interface Series extends Circumstances {
  readonly rounds: readonly Measurement[];
}

export interface HotSetSeries extends Circumstances {
  readonly figures: HotSetFigures;
}

interface ClickSeries extends Circumstances {
  readonly figures: ClickFigures;
}

interface LinkStatisticsSeries extends Circumstances {
  readonly figures: LinkStatisticsFigures;
}

export interface Results {
  readonly label: string;
  readonly variants: Readonly<Record<string, Series>>;
  /** By the number of links stored. */
  readonly hotSet?: Readonly<Record<string, HotSetSeries>>;
  readonly clicks?: ClickSeries;
  readonly linkStatistics?: LinkStatisticsSeries;
}

export interface Medians {
  readonly perSecond: number;
  /** By part, and `all` of the mesh; without the generator. */
  readonly cpuUs: Readonly<Record<string, number>>;
  readonly cpuAfterUs: number;
  readonly generatorUs: number;
  readonly latencyMs: Pick<Quantiles, 'p50' | 'p90' | 'p99'>;
}

/** Throws when there are none under the label. */
export function readResults(label: string): Results {
  const known = read(label);
  if (known === undefined) throw new Error(`There is no ${fileOf(label)}.`);
  return known;
}

export function keepVariants(label: string, where: Circumstances, measured: readonly Measurement[]): Results {
  const known: Record<string, Series> = { ...read(label)?.variants };
  for (const { variant } of measured)
    known[variant] = { ...where, rounds: measured.filter((one) => one.variant === variant) };
  const ordered = variants.flatMap(({ name }) => (known[name] === undefined ? [] : [[name, known[name]] as const]));
  return write({ ...read(label), label, variants: Object.fromEntries(ordered) });
}

export function keepHotSet(label: string, where: Circumstances, figures: HotSetFigures): Results {
  const known = read(label);
  const hotSet = { ...known?.hotSet, [figures.stored]: { ...where, figures } };
  return write({ ...known, label, variants: known?.variants ?? {}, hotSet });
}

export function keepClicks(label: string, where: Circumstances, figures: ClickFigures): Results {
  const known = read(label);
  return write({ ...known, label, variants: known?.variants ?? {}, clicks: { ...where, figures } });
}

export function keepLinkStatistics(label: string, where: Circumstances, figures: LinkStatisticsFigures): Results {
  const known = read(label);
  return write({ ...known, label, variants: known?.variants ?? {}, linkStatistics: { ...where, figures } });
}

export function mediansOf(rounds: readonly Measurement[]): Medians {
  const of = (figure: (round: Measurement) => number): number => median(rounds.map(figure));
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

const fileOf = (label: string): string => path.join(label === UNNAMED ? DIRS.unnamed : DIRS.named, `${label}.json`);

function read(label: string): Results | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(label), 'utf8')) as Results;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function write(results: Results): Results {
  const file = fileOf(results.label);
  const short = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(DIGITS)) : value;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, short, 2)}\n`);
  return results;
}
