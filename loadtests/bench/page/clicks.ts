// The section of docs/bench.md on clicks, from the spool to Postgres.
import type { ClickRound } from '../clicks/clicks.ts';
import { CLICK_PARTS } from '../clicks/pids.ts';
import type { Results } from '../results.ts';
import { median } from '../statistics.ts';
import { circumstances } from './circumstances.ts';
import { ms, percent, table, us, whole } from './table.ts';

interface Line {
  readonly what: string;
  readonly wanted: string;
  readonly figure: (round: ClickRound) => number;
  readonly show: (value: number) => string;
}

/** The replica is a copy of Postgres; the goal is of the parts without it. */
const cost = ({ cpuUs }: ClickRound, copy: boolean): number =>
  CLICK_PARTS.filter((part) => copy || part !== 'postgres-replica').reduce((sum, part) => sum + (cpuUs[part] ?? 0), 0);

const lines: readonly Line[] = [
  { what: 'clicks/s, sustained', wanted: 'at least 40,000', figure: ({ perSecond }) => perSecond, show: whole },
  { what: 'CPU of all but the replica, us', wanted: 'at most 25', figure: (round) => cost(round, false), show: us },
  ...CLICK_PARTS.map((part): Line => ({ what: part, wanted: '', figure: ({ cpuUs }) => cpuUs[part] ?? 0, show: us })),
  { what: 'CPU of all, us', wanted: '', figure: (round) => cost(round, true), show: us },
  { what: 'offered at a fixed rate, clicks/s', wanted: '', figure: ({ openRate }) => openRate, show: whole },
  { what: 'line to row, p50, ms', wanted: '', figure: ({ freshnessMs }) => freshnessMs.p50, show: ms },
  { what: 'line to row, p99, ms', wanted: 'under 2,000', figure: ({ freshnessMs }) => freshnessMs.p99, show: ms },
  { what: 'elsewhere', wanted: '', figure: ({ elsewhereShare }) => elsewhereShare, show: percent },
];

export function clickSection({ clicks }: Results): string[] {
  if (clicks === undefined) return [];
  const runs = Object.entries(clicks.figures.rounds);
  const columns = runs.flatMap(([links, rounds]) => [
    { title: `${Number(links).toLocaleString('en')} links`, rounds },
    ...rounds.map((round, at) => ({ title: `round ${at + 1}`, rounds: [round] })),
  ]);
  return [
    '## Clicks, from the spool to Postgres',
    circumstances([clicks]),
    'Lines as Envoy writes them: links by zipf (s = 1.0), 100,000 people with an address and one of 300 user agents each, 300 referrers. First as many as there are to be had at once, with a checkpoint of Postgres at the end; then half of what was stored per second, at a fixed rate, with probes that are looked for every 10 ms. fsync is on. CPU is microseconds per click.',
    table(
      ['', 'wanted', ...columns.map(({ title }) => title)],
      lines.map(({ what, wanted, figure, show }) => [
        what,
        wanted,
        ...columns.map(({ rounds }) => show(median(rounds.map(figure)))),
      ]),
    ),
  ];
}
