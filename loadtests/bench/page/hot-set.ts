// The section of docs/bench.md on the edge hot set.
import { type HotSetFigures, hotSetVariants } from '../hot-set/hot-set.ts';
import { type HotSetSeries, type Medians, mediansOf, type Results } from '../results.ts';
import { circumstances } from './circumstances.ts';
import { roundsOf } from './requests.ts';
import { ms, percent, table, us, whole } from './table.ts';

/** One row of the table: what is wanted, and how a run says it. */
interface Line {
  readonly what: string;
  readonly wanted: string;
  readonly figure: (of: HotSetFigures, medians: Readonly<Record<string, Medians>>) => string;
}

/** A run may have been broken off before a variant: what is not there is NaN, which the table shows as a dash. */
const cost = (medians: Readonly<Record<string, Medians>>, name: string): string =>
  us(medians[name]?.cpuUs.envoy ?? Number.NaN);
const rate = (medians: Readonly<Record<string, Medians>>, name: string): number =>
  medians[name]?.perSecond ?? Number.NaN;

const lines: readonly Line[] = [
  { what: 'bare, requests/s', wanted: '', figure: (_, medians) => whole(rate(medians, 'bare')) },
  { what: 'hot, 200 links, requests/s', wanted: '', figure: (_, medians) => whole(rate(medians, 'hot-200')) },
  { what: 'hot, 10,000 links, requests/s', wanted: '', figure: (_, medians) => whole(rate(medians, 'hot-10000')) },
  {
    what: 'hot (200) of bare, requests/s',
    wanted: 'at least 90 %',
    figure: (_, medians) => percent(rate(medians, 'hot-200') / rate(medians, 'bare')),
  },
  {
    what: 'hot (10,000) of bare, requests/s',
    wanted: 'at least 90 %',
    figure: (_, medians) => percent(rate(medians, 'hot-10000') / rate(medians, 'bare')),
  },
  { what: 'Envoy, us a request: bare', wanted: '', figure: (_, medians) => cost(medians, 'bare') },
  { what: 'Envoy, us a request: hot, 200 links', wanted: 'at most 20', figure: (_, m) => cost(m, 'hot-200') },
  { what: 'Envoy, us a request: hot, 10,000 links', wanted: 'at most 20', figure: (_, m) => cost(m, 'hot-10000') },
  { what: 'entries after the crowd', wanted: '', figure: ({ entries }) => String(entries) },
  { what: 'memory of Envoy for them, MiB', wanted: '', figure: ({ envoyMib }) => envoyMib.toFixed(1) },
  {
    what: 'memory of Envoy for 10,000, MiB',
    wanted: 'at most 40',
    figure: ({ envoyMib, entries }) => (entries === 0 ? '–' : ((envoyMib * 10_000) / entries).toFixed(1)),
  },
  {
    what: 'a push, until acknowledged, ms: median',
    wanted: 'at most 250',
    figure: ({ push }) => push.medianMs.toFixed(0),
  },
  { what: 'a push, until acknowledged, ms: most', wanted: '', figure: ({ push }) => push.mostMs.toFixed(0) },
  { what: 'pushes, entries', wanted: '', figure: ({ push }) => `${push.pushes}, ${push.entries}` },
  { what: 'p99 of traffic while pushed, ms', wanted: 'under 5', figure: ({ push }) => ms(push.latencyMs.p99) },
  { what: 'p99 of the same traffic without pushes, ms', wanted: '', figure: ({ push }) => ms(push.quietMs.p99) },
  { what: 'of that traffic, answered by the edge', wanted: '', figure: ({ push }) => percent(push.edgeShare) },
  {
    what: 'crowd: answered by the edge after 10 s',
    wanted: 'at least 80 %',
    figure: ({ crowd }) => `${(crowd.edgeShare * 100).toFixed(1)} %`,
  },
  { what: 'crowd: requests/s', wanted: 'at least 30,000', figure: ({ crowd }) => crowd.perSecond.toFixed(0) },
  { what: 'crowd: refused', wanted: '', figure: ({ crowd }) => `${(crowd.refusedShare * 100).toFixed(2)} %` },
  {
    what: 'crowd: p50, p99, ms',
    wanted: '',
    // None of those that were due then could be sent in time.
    figure: ({ crowd: { latencyMs } }) => (latencyMs.max === 0 ? '–' : `${ms(latencyMs.p50)}, ${ms(latencyMs.p99)}`),
  },
];

export function hotSetSection({ hotSet = {} }: Results): string[] {
  const runs = Object.values(hotSet).toSorted((a, b) => a.figures.stored - b.figures.stored);
  if (runs.length === 0) return [];
  return [
    '## The edge hot set',
    circumstances(runs),
    table(
      ['variant', 'what is asked for'],
      hotSetVariants.map(({ name, about }) => [name, about]),
    ),
    'A run begins with an empty hot set and a crowd: requests for up to 100,000 links by zipf (s = 1.0), 30,000/s for 20 s, open loop, generator and all parts on the same cores. Then 3,000/s follow 8,000 hot links while every 7 s another hot link is edited. Then the variants. A mesh of its own for each number of links stored; of 1,000 links all are hot.',
    table(
      ['', 'wanted', ...runs.map(({ figures }) => `${figures.stored.toLocaleString('en')} links`)],
      lines.map(({ what, wanted, figure }) => [
        what,
        wanted,
        ...runs.map((run) => figure(run.figures, mediansIn(run))),
      ]),
    ),
    '### The rounds of its variants',
    ...runs.flatMap(({ figures }) => [
      `${figures.stored.toLocaleString('en')} links stored:`,
      roundsOf(figures.rounds),
    ]),
  ];
}

function mediansIn({ figures: { rounds } }: HotSetSeries): Readonly<Record<string, Medians>> {
  const of = (name: string): Medians => mediansOf(rounds.filter(({ variant }) => variant === name));
  return Object.fromEntries(hotSetVariants.map(({ name }) => [name, of(name)]));
}
