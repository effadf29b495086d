// docs/bench.md: made from the results, but for what stands between its two markers, which is kept.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Measurement } from './measure.ts';
import { type MedianFile, type Medians, mediansOf, type Results, readMedians, type Series } from './results.ts';
import { variants } from './variants.ts';

const PAGE = 'docs/bench.md';
const KEPT = { from: '<!-- findings: written by hand -->', to: '<!-- end of findings -->' } as const;
/** Parts that cost less than this in every variant have no column. */
const LEAST_US = 0.5;

/** Writes the page and answers its path. */
export function writePage(results: Results, baseline?: string): string {
  const before = baseline === undefined ? undefined : readMedians(baseline);
  writeFileSync(PAGE, pageOf(results, findings(), before));
  return PAGE;
}

function findings(): string {
  try {
    const text = readFileSync(PAGE, 'utf8');
    const from = text.indexOf(KEPT.from);
    const to = text.indexOf(KEPT.to);
    if (from >= 0 && to > from) return text.slice(from + KEPT.from.length, to).trim();
  } catch {
    // No page yet.
  }
  return 'Nothing yet.';
}

export function pageOf({ label, variants: all }: Results, kept: string, before?: MedianFile): string {
  const medians = Object.fromEntries(Object.entries(all).map(([name, { rounds }]) => [name, mediansOf(rounds)]));
  return [
    '# What a request costs',
    `Written by \`npm run bench\` (loadtests/README.md says how it is measured); results "${label}". Figures are medians of the rounds.`,
    ...circumstances(all),
    '## Variants',
    table(
      ['variant', 'what is asked for'],
      variants.filter(({ name }) => all[name]).map(({ name, about }) => [name, about]),
    ),
    ...capacity(medians['redirect-l1']),
    '## Saturation: requests per second, microseconds of CPU per request',
    'Closed loop. `mesh` is the sum of all its processes while the load ran; `afterwards` what they used per request until they were quiet again (clicks still to be counted). The generator is not part of the mesh, but of the machine.',
    costs(medians),
    '## Latency at half of that rate, in milliseconds',
    'Open loop, from the scheduled time; the generator looks at its clock every 0.1 ms.',
    latencies(medians, all),
    ...(before === undefined ? [] : comparison(medians, before)),
    '## Findings',
    KEPT.from,
    kept,
    KEPT.to,
    '## The rounds',
    'Variants run in this order, reversed in every other round. `elsewhere`: CPU that other programs and the kernel used meanwhile, of all there is. `lateness`: how late the generator sent, 99 of 100.',
    rounds(all),
    '',
  ].join('\n\n');
}

function circumstances(all: Results['variants']): string[] {
  const runs = new Map(Object.values(all).map((series) => [series.machine.date, series]));
  return [...runs.values()].map(({ machine, seconds, rounds: { length } }) => {
    const { date, commit, cpu, cores, memoryGb, kernel, node, envoy, postgres, load } = machine;
    const when = `${date.slice(0, 16).replace('T', ' ')} UTC, commit ${commit}, ${length} rounds of ${seconds} s.`;
    const where = `${cpu}, ${cores} cores, ${memoryGb} GB, ${kernel}; load average ${load.toFixed(2)} at the start.`;
    return `- ${when} ${where} Node ${node}, Envoy ${envoy}, Postgres ${postgres}.`;
  });
}

function capacity(l1?: Medians): string[] {
  if (l1 === undefined) return [];
  const published = Math.floor(l1.perSecond / 100) * 100;
  return [
    `**Cold capacity: ${published} redirects/s** on this machine, load generator and all the mesh's parts included (saturation of redirect-l1, rounded down). A load "below the published cold capacity" is below ${published}/s.`,
  ];
}

function costs(medians: Record<string, Medians>): string {
  const rows = Object.entries(medians);
  const parts = Object.keys(rows[0]?.[1].cpuUs ?? {}).filter(
    (part) => part !== 'all' && rows.some(([, { cpuUs }]) => (cpuUs[part] ?? 0) >= LEAST_US),
  );
  return table(
    ['variant', 'requests/s', 'mesh', ...parts, 'afterwards', 'generator'],
    rows.map(([name, { perSecond, cpuUs, cpuAfterUs, generatorUs }]) => [
      name,
      perSecond.toFixed(0),
      ...[cpuUs.all ?? 0, ...parts.map((part) => cpuUs[part] ?? 0), cpuAfterUs, generatorUs].map(us),
    ]),
  );
}

function latencies(medians: Record<string, Medians>, all: Results['variants']): string {
  const rows = Object.entries(medians).map(([name, { latencyMs }]) => {
    const rates = mean((all[name] as Series).rounds.map(({ openRate }) => openRate));
    return [name, rates.toFixed(0), ...[latencyMs.p50, latencyMs.p90, latencyMs.p99].map(ms)];
  });
  return table(['variant', 'offered/s', 'p50', 'p90', 'p99'], rows);
}

function comparison(medians: Record<string, Medians>, { label, machine, variants: known }: MedianFile): string[] {
  const rows = Object.entries(medians).flatMap(([name, now]) => {
    const then = known[name];
    if (then === undefined) return [];
    const pair = (figure: (one: Medians) => number, digits: number): string[] => [
      figure(then).toFixed(digits),
      figure(now).toFixed(digits),
      `${((figure(now) / figure(then) - 1) * 100).toFixed(0)} %`,
    ];
    return [[name, ...pair((one) => one.perSecond, 0), ...pair(wholeCost, 1), ...pair((one) => one.latencyMs.p99, 2)]];
  });
  return [
    `## Compared with "${label}"`,
    `Before: commit ${machine.commit}, ${machine.date.slice(0, 10)}. CPU is that of the mesh, with what came afterwards.`,
    table(['variant', 'requests/s before', 'now', '', 'CPU us before', 'now', '', 'p99 ms before', 'now', ''], rows),
  ];
}

const wholeCost = ({ cpuUs, cpuAfterUs }: Medians): number => (cpuUs.all ?? 0) + cpuAfterUs;

function rounds(all: Results['variants']): string {
  const row = (round: Measurement, at: number): string[] => {
    const { all: mesh = 0 } = mediansOf([round]).cpuUs;
    const figures = [round.perSecond.toFixed(0), us(mesh), us(round.cpuUs.envoy ?? 0), us(round.cpuUs.generator ?? 0)];
    const { p50, p90, p99 } = round.latencyMs;
    const shares = [percent(round.elsewhereShare), percent(round.stolenShare)];
    return [round.variant, String(at + 1), ...figures, ...[p50, p90, p99, round.latenessMs.p99].map(ms), ...shares];
  };
  const titles = ['variant', 'round', 'requests/s', 'mesh us', 'envoy us', 'generator us'];
  const more = ['p50 ms', 'p90', 'p99', 'lateness', 'elsewhere', 'stolen'];
  return table(
    [...titles, ...more],
    Object.values(all).flatMap((series) => series.rounds.map(row)),
  );
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = titles.map((_, at) => (at === 0 ? '---' : '---:'));
  return [line(titles), line(rule), ...rows.map(line)].join('\n');
}

const us = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0));
const ms = (value: number): string => value.toFixed(2);
const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
