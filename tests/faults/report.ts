// What was found, kept case by case, and the page made of it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import path from 'node:path';
import { installDir } from '../../compose/local/bootstrap/checkout.mjs';
import { type FaultCase, type Finding, tidy, type Verdict } from './case.ts';

export interface Result {
  readonly name: string;
  readonly part: string;
  readonly title: string;
  readonly criterion: string;
  /** When it began, ISO 8601. */
  readonly at: string;
  /** The code that was run; older results do not say it. */
  readonly commit?: string;
  readonly scale: number;
  /** Processes that ran or wanted to, on average over the last minute of the case: whosever they were. */
  readonly loadAverage?: number;
  readonly findings: Verdict;
  /** Why the case could not be carried out. */
  readonly fault?: string;
}

/** Beside the cases and in the repository: a run of one case on another machine keeps the lines of all the others. */
const fileOf = (name: string): string => path.join(import.meta.dirname, 'results', `${name}.json`);

/** The commit of this checkout, and whether it is changed: results themselves do not count. */
export function commitOf(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  const results = [':!docs/faults.md', ':!tests/faults/results'];
  const changed = git('status', '--porcelain', '--', '.', ...results) !== '';
  return `${git('rev-parse', '--short=9', 'HEAD')}${changed ? ', changed' : ''}`;
}

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
export function writePage(cases: readonly FaultCase[]): string {
  const kept = cases.filter(({ name }) => existsSync(fileOf(name)));
  const results = kept.map(({ name }): Result => JSON.parse(readFileSync(fileOf(name), 'utf8')));
  const file = path.resolve('docs/faults.md');
  if (results.length > 0) writeFileSync(file, pageOf(results, machine(), cases));
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

export type Standing = 'holds' | 'failed' | 'not all judged' | 'stale';

/** What a result says of the case as it is now; of a case with another title or criterion it says nothing. */
export function standingOf({ findings, fault, ...result }: Result, now: CaseWords = result): Standing {
  if (result.title !== now.title || result.criterion !== now.criterion) return 'stale';
  if (fault !== undefined || findings.some(({ ok }) => ok === false)) return 'failed';
  return findings.every(({ ok }) => ok) ? 'holds' : 'not all judged';
}

type CaseWords = Pick<FaultCase, 'name' | 'part' | 'title' | 'criterion'>;
interface Row {
  readonly result: Result;
  readonly standing: Standing;
}

/** The page, in the order of the results; `cases` are all there are now. */
export function pageOf(
  results: readonly Result[],
  { cpu, cores, memoryGib, node, envoy }: Machine,
  cases: readonly CaseWords[],
): string {
  const rows = results.map((result): Row => {
    const now = cases.find(({ name }) => name === result.name);
    return { result, standing: standingOf(result, now) };
  });
  const missing = cases.filter(({ name }) => results.every((result) => result.name !== name));
  const parts = [...new Set(results.map(({ part }) => part))];
  return [
    '# What happens when parts die',
    '',
    'Written by `npm run test:faults`; do not edit. Every case applies its fault to a whole mesh of real parts under an open-loop load:',
    'requests are sent when they are due, whether or not earlier ones were answered, and latency is measured from that moment.',
    '',
    `Machine: ${cpu}, ${cores} cores, ${memoryGib} GiB; shared by the mesh, the load and the judge. Node ${node}, Envoy ${envoy}.`,
    'The load average, over the last minute of a case, includes other programs that ran on the machine. If they made the',
    'baseline of a run slow, a comparison with that baseline proves nothing and is shown as not judged.',
    '',
    ...overview(rows, missing),
    ...parts.flatMap((part) => section(part, rows)),
    '## How to run',
    '',
    '`npm run test:faults` runs all cases; `npm run test:faults -- valkey kafka` runs those whose names begin with these words, and replaces their results.',
    '`HOP_FAULTS_SCALE=0.2` shortens the long durations for development; its results are not written to this page. How to write',
    'a case: [tests/faults](../tests/faults/README.md).',
    '',
  ].join('\n');
}

const linkTo = ({ name }: { readonly name: string }): string => `[${name}](#${name})`;

/** What did not hold, and of what nothing is known. */
function overview(rows: readonly Row[], missing: readonly CaseWords[]): string[] {
  const of = (wanted: Standing): Result[] =>
    rows.filter(({ standing }) => standing === wanted).map(({ result }) => result);
  const list = (words: string, some: readonly { readonly name: string }[], show = linkTo): string[] =>
    some.length === 0 ? [] : [`${words}: ${some.map(show).join(', ')}.`, ''];
  const failed = of('failed');
  return [
    '## In short',
    '',
    `Of ${rows.length + missing.length} cases ${of('holds').length} hold and ${failed.length} failed${failed.length === 0 ? '.' : ':'}`,
    '',
    ...failed.map((result) => `- ${linkTo(result)}: ${failuresOf(result).join('; ')}`),
    ...(failed.length === 0 ? [] : ['']),
    ...list('All that could be judged holds', of('not all judged')),
    ...list('Stale, because the case has another title or criterion now', of('stale')),
    ...list('Without a result at full length', missing, ({ name }) => name),
  ];
}

function failuresOf({ findings, fault }: Result): string[] {
  if (fault !== undefined) return [notCarriedOut(fault)];
  return findings.filter(({ ok }) => ok === false).map(wordsOf);
}

function section(part: string, rows: readonly Row[]): string[] {
  const mine = rows.filter(({ result }) => result.part === part);
  return [
    `## ${part}`,
    '',
    '| case | verdict | nearest to its limit |',
    '| --- | --- | --- |',
    ...mine.map(({ result, standing }) => `| ${linkTo(result)} | ${emphasised(standing)} | ${worstOf(result)} |`),
    '',
    ...mine.flatMap(inFull),
  ];
}

function inFull({ result, standing }: Row): string[] {
  const { name, title, criterion, findings, fault, at, commit, loadAverage } = result;
  const run = [at.slice(0, 16).replace('T', ' '), commit ?? 'commit not kept'];
  if (loadAverage !== undefined) run.push(`load average ${Math.round(loadAverage)}`);
  return [
    `### ${name}`,
    '',
    `- Fault: ${title}`,
    `- Criterion: ${criterion}`,
    `- Verdict: ${emphasised(standing)}; run ${run.join(', ')}`,
    ...(fault === undefined ? findings.map(wordsOf) : [notCarriedOut(fault)]).map((words) => `  - ${words}`),
    '',
  ];
}

const emphasised = (standing: Standing): string => (standing === 'holds' ? standing : `**${standing}**`);

const notCarriedOut = (fault: string): string => `not carried out: ${fault.split('\n')[0]}`;

/** What failed, or else came nearest to its limit. */
function worstOf({ findings, fault }: Result): string {
  if (fault !== undefined) return notCarriedOut(fault);
  const nearest = (some: readonly Finding[]): Finding | undefined =>
    some.toSorted((one, other) => shareUsed(other) - shareUsed(one))[0];
  const judged = findings.filter(({ ok }) => ok !== null);
  const worst = nearest(judged.filter(({ ok }) => !ok)) ?? nearest(judged);
  return worst === undefined ? '' : wordsOf(worst);
}

/** How much of what its limit allows a figure used: 1 at the limit. */
function shareUsed({ limit, measured, unit }: Finding): number {
  const [, kind, text = ''] = /^(\S+) (.*)$/.exec(limit) ?? [];
  const bound = Number(text.replaceAll(',', ''));
  if (kind === '=') return measured === bound ? 0 : Number.POSITIVE_INFINITY;
  const share = kind === '<=' ? measured / bound : unit === '%' ? (100 - measured) / (100 - bound) : bound / measured;
  return Number.isNaN(share) ? 0 : share;
}

const wordsOf = ({ what, limit, measured, unit, ok }: Finding): string =>
  `${ok === false ? '**failed** ' : ''}${what}: ${tidy(measured)}${unit === '' ? '' : ` ${unit}`} (${limit})`;
