import {
  type LinkStats,
  LinkStatsSchema,
  timestampFromDate,
  type WorkspaceStats,
  WorkspaceStatsSchema,
} from '@hopline/client';
import type { Command } from 'commander';
import { linkName, type ZonedMoment, zonedMoment } from '../arguments.ts';
import type { Context } from '../context.ts';
import { jsonLine } from '../output/json.ts';
import { bars, sparkline } from '../output/pictures.ts';
import { table } from '../output/table.ts';
import { whenText } from '../output/times.ts';
import type { Run } from '../run.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { domainOption } from './link-fields.ts';

interface StatsOptions {
  readonly from?: ZonedMoment;
  readonly to?: ZonedMoment;
  readonly interval?: string;
  readonly timezone?: string;
  readonly bots?: boolean;
  readonly domain?: string;
}

/** Used if the output has no width, such as a file. */
const plainWidth = 80;
const rowsOfEach = 5;
const widestSparkline = 60;
const leastSparkline = 24;

export function statsCommand(parent: Command, run: Run): void {
  parent
    .command('stats')
    .argument('[link]', "its code, or the whole short link; without one, the workspace's")
    .summary('how often links were followed, by whom and when')
    .description('Shows clicks and visitors over time, and where they came from.')
    .option('--from <moment>', '2026-01-31, or a length of time ago: 7d, 12h', (text) => zonedMoment(text))
    .option('--to <moment>', 'likewise; without it now', (text) => zonedMoment(text))
    .option('-i, --interval <width>', 'minute, hour, day, week or month; without it day')
    .option('--timezone <zone>', 'whose days and times are meant, such as Europe/Zurich; without it here')
    .option('--bots', 'count bots as well')
    .option(...domainOption)
    .action(run(stats));
}

async function stats(
  { hop, terminal, signal }: Context,
  link: string | undefined,
  options: StatsOptions,
): Promise<undefined> {
  const { from, to, interval, timezone, bots, domain } = options;
  const range = {
    timezone: timezone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone,
    ...(from ? { from: timestampFromDate(from(timezone)) } : {}),
    ...(to ? { to: timestampFromDate(to(timezone)) } : {}),
    ...(interval ? { interval } : {}),
    ...(bots ? { includeBots: true } : {}),
  };
  if (link === undefined) {
    const found = await hop.analytics.getWorkspaceStats(range, { signal });
    print(terminal, jsonLine(WorkspaceStatsSchema, found), () => workspaceLines(found, terminal));
  } else {
    const found = await hop.analytics.getLinkStats({ ...linkName(link, domain), ...range }, { signal });
    print(terminal, jsonLine(LinkStatsSchema, found), () => linkStatsLines(found, terminal));
  }
}

function print(terminal: Terminal, json: string, lines: () => string[]): void {
  if (terminal.json) terminal.out(json);
  else for (const line of lines()) terminal.out(line);
}

const figure = (value: number) => value.toLocaleString('en');
const counted = (value: number, { paint }: Terminal, noun: string) =>
  `${paint.bold(figure(value))} ${noun}${value === 1 ? '' : 's'}`;

function linkStatsLines(stats: LinkStats, terminal: Terminal): string[] {
  const { paint } = terminal;
  const lines = [totals(stats, terminal), ...over(stats, terminal)];
  if (stats.lastClickAt) lines.push(paint.dim(`last followed ${whenText(stats.lastClickAt)}`));
  const parts = [
    ['countries', stats.countries],
    ['cities', stats.cities],
    ['referrers', stats.referrers],
    ['devices', stats.devices],
    ['browsers', stats.browsers],
    ['systems', stats.operatingSystems],
    ['languages', stats.languages],
  ] as const;
  for (const [title, values] of parts) {
    if (values.length === 0 || (values.every(({ value }) => value === '') && title !== 'referrers')) continue;
    const rows = values.slice(0, rowsOfEach).map(({ value, clicks }) => ({
      label: harmless(value) || (title === 'referrers' ? 'no page' : 'unknown'),
      value: clicks,
    }));
    const rest = values.length - rows.length;
    lines.push('', paint.bold(title) + (rest > 0 ? paint.dim(`  and ${rest} more`) : ''));
    lines.push(...bars(rows, stats.clicks, { width: widthOf(terminal), paint: paint.cyan }));
  }
  if (stats.countries.some(({ value }) => value !== ''))
    lines.push('', paint.dim('Places: IP Geolocation by DB-IP, https://db-ip.com'));
  return lines;
}

function workspaceLines(stats: WorkspaceStats, terminal: Terminal): string[] {
  const { paint } = terminal;
  const before = stats.previous ? paint.dim(`, ${change(stats.clicks, stats.previous.clicks)}`) : '';
  const lines = [`${totals(stats, terminal)} on ${counted(stats.links, terminal, 'link')}${before}`];
  lines.push(...over(stats, terminal));
  if (stats.topLinksUnnamed) return [...lines, '', 'The names of these links are not available at the moment.'];
  if (stats.topLinks.length === 0) return lines;
  const columns = [
    {
      title: 'CODE',
      text: ({ code }: WorkspaceStats['topLinks'][number]) => harmless(code),
      least: 10,
      paint: paint.cyan,
    },
    { title: 'CLICKS', text: ({ clicks }: WorkspaceStats['topLinks'][number]) => figure(clicks), right: true },
    {
      title: 'VISITORS',
      text: ({ visitors }: WorkspaceStats['topLinks'][number]) => figure(visitors),
      right: true,
      spare: 1,
    },
    { title: 'TITLE', text: ({ title }: WorkspaceStats['topLinks'][number]) => harmless(title), least: 10 },
  ];
  return [...lines, '', ...table(columns, stats.topLinks, { width: terminal.width, head: paint.bold })];
}

function totals({ clicks, visitors, bots }: LinkStats | WorkspaceStats, terminal: Terminal): string {
  const byBots = bots > 0 ? terminal.paint.dim(` (and ${figure(bots)} by bots)`) : '';
  return `${counted(clicks, terminal, 'click')} by ${counted(visitors, terminal, 'visitor')}${byBots}`;
}

/** The clicks over time, with start and end. */
function over({ series }: LinkStats | WorkspaceStats, terminal: Terminal): string[] {
  const first = series[0];
  const last = series.at(-1);
  if (!first || !last || series.length < 2) return [];
  const { paint } = terminal;
  const [from, until] = [whenText(first.at), whenText(last.at)];
  const beside = widthOf(terminal) - from.length - until.length - 2;
  const isNarrow = beside < leastSparkline;
  const drawn = sparkline(
    series.map(({ clicks }) => clicks),
    Math.min(widestSparkline, isNarrow ? widthOf(terminal) : beside),
  );
  if (isNarrow) return [paint.green(drawn), paint.dim(`${from} – ${until}`)];
  return [`${paint.dim(from)} ${paint.green(drawn)} ${paint.dim(until)}`];
}

function change(now: number, before: number): string {
  if (before === 0) return 'none in the period before';
  const percent = Math.round(((now - before) / before) * 100);
  return `${percent >= 0 ? '+' : ''}${percent}% on the period before (${figure(before)})`;
}

const widthOf = ({ width }: Terminal): number => (Number.isFinite(width) ? width : plainWidth);
