// What was found, kept case by case, and the page made of it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import path from 'node:path';
import { installDir } from '../../compose/local/bootstrap/checkout.mjs';
import { type Finding, tidy, type Verdict } from './case.ts';

export interface Result {
  readonly name: string;
  readonly part: string;
  readonly title: string;
  readonly criterion: string;
  /** ISO 8601. */
  readonly at: string;
  readonly scale: number;
  /** Processes that ran or wanted to, on average over the last minute of the case: whosever they were. */
  readonly loadAverage?: number;
  readonly findings: Verdict;
  /** Why the case could not be carried out. */
  readonly fault?: string;
}

/** Beside the cases and in the repository: a run of one case on another machine keeps the lines of all the others. */
const fileOf = (name: string): string => path.join(import.meta.dirname, 'results', `${name}.json`);

/** Development at another scale must not replace what was found at full length. */
function fileFor({ name, scale }: Pick<Result, 'name' | 'scale'>): string {
  if (scale === 1) return fileOf(name);
  return path.resolve(process.env.HOP_FAULTS_DIR ?? '.local/faults', 'results', `${name}@${scale}.json`);
}

export function keepResult(result: Result): void {
  const file = fileFor(result);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(result, undefined, 2)}\n`);
}

/** Writes docs/faults.md from what is kept of these cases at full length; answers where. */
export function writePage(names: readonly string[]): string {
  const kept = names.filter((name) => existsSync(fileOf(name)));
  const results = kept.map((name): Result => JSON.parse(readFileSync(fileOf(name), 'utf8')));
  const file = path.resolve('docs/faults.md');
  const missing = names.filter((name) => !kept.includes(name));
  if (results.length > 0) writeFileSync(file, pageOf(results, machine(), missing));
  return file;
}

interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly node: string;
  readonly envoy: string;
}

function machine(): Machine {
  const binaries = JSON.parse(readFileSync(path.join(installDir, 'venv/.hopline-stamp.json'), 'utf8'));
  const envoy = execFileSync(binaries.envoy, ['--version'], { encoding: 'utf8' });
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    envoy: /\/(\d+\.\d+\.\d+)/.exec(envoy)?.[1] ?? 'unknown',
  };
}

/** The page, in the order of the results; `missing` are the cases without one. */
export function pageOf(
  results: readonly Result[],
  { cpu, cores, memoryGib, node, envoy }: Machine,
  missing: readonly string[] = [],
): string {
  const parts = [...new Set(results.map(({ part }) => part))];
  const days = results.map(({ at }) => at.slice(0, 10)).sort();
  const span = [...new Set([days[0], days.at(-1)])].join(' to ');
  return [
    '# What happens when parts die',
    '',
    'Written by `npm run test:faults`; do not edit. Every case does its fault to a whole mesh of real parts under a load whose',
    'requests are sent when they are due, whatever became of the earlier ones; latency counts from that moment.',
    '',
    `Machine: ${cpu}, ${cores} cores, ${memoryGib} GiB; the mesh, the load and the judge share it. Node ${node}, Envoy ${envoy}. ${span}.`,
    'The load average, over the last minute of a case, counts also what others ran on the machine meanwhile.',
    '',
    ...parts.flatMap((part) => [
      `## ${part}`,
      '',
      '| case | criterion | measured | verdict |',
      '| --- | --- | --- | --- |',
      ...results.filter((result) => result.part === part).map(rowOf),
      '',
    ]),
    ...(missing.length === 0 ? [] : ['## Without a result at full length', '', `${missing.join(', ')}.`, '']),
    '## How to run',
    '',
    '`npm run test:faults` runs all, `npm run test:faults -- valkey kafka` those whose names begin so and replaces their lines.',
    '`HOP_FAULTS_SCALE=0.2` shortens the long durations for development; its results do not come here. How a case is',
    'written: [tests/faults](../tests/faults/README.md).',
    '',
  ].join('\n');
}

function rowOf({ name, title, criterion, findings, loadAverage, fault }: Result): string {
  const lines = fault === undefined ? findings.map(wordsOf) : [`not carried out: ${fault.split('\n')[0]}`];
  if (loadAverage !== undefined) lines.push(`load average: ${Math.round(loadAverage)}`);
  const measured = lines.join('<br>');
  const holds = fault === undefined && findings.every(({ ok }) => ok);
  return `| **${name}**: ${title} | ${criterion} | ${measured} | ${holds ? 'holds' : '**failed**'} |`;
}

const wordsOf = ({ what, limit, measured, unit, ok }: Finding): string =>
  `${ok ? '' : '**failed** '}${what}: ${tidy(measured)}${unit === '' ? '' : ` ${unit}`} (${limit})`;
