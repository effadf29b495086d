import { ClickFlag } from '#gen/event/v1/click_pb.ts';
import { entryOf } from '../map-entry.ts';
import { floorTo } from '../statistics/cover.ts';
import { type Dimension, dimensions } from '../statistics/dimensions.ts';
import type { ClickColumns, ClickIndex } from './click-columns.ts';

/** The order of the counters in a delta, and in an entry as far as it has them; no click is in two of them. */
export const counters = ['clicks', 'visitors', 'bots', 'bot_visitors', 'heads', 'prefetches'] as const;
const clickCounter = 0;
const botCounter = 2;
const headCounter = 4;
const prefetchCounter = 5;

/** What the clicks of one link add to one unit of time. */
export interface LinkDelta {
  /** Index into the dictionary. */
  readonly link: number;
  /** When the minute, hour or day begins, microseconds since 1970. */
  readonly at: number;
  /** In the order of `counters`. */
  readonly counts: number[];
}

/** What they add to the breakdowns of an hour: parallel columns, one entry for each dimension and value. */
export interface BreakdownDelta {
  readonly link: number;
  readonly at: number;
  /** As stored: 1 for the first of `dimensions`. */
  readonly dimension: number[];
  readonly value: string[];
  /** Clicks, visitors, bots, bot visitors: a column each. */
  readonly counts: readonly [number[], number[], number[], number[]];
}

/** Which counter the click belongs to: exactly one. */
export function counterOf(flags: number): number {
  if (flags & ClickFlag.HEAD) return headCounter;
  if (flags & ClickFlag.PREFETCH) return prefetchCounter;
  return flags & ClickFlag.BOT ? botCounter : clickCounter;
}

/** Whether the click has a visitor: a person's or a bot's, and the visitor is known. */
export function hasVisitor({ visitor, flags }: ClickColumns, click: ClickIndex): boolean {
  return visitor[click] !== 0n && counterOf(flags[click] as number) <= botCounter;
}

/** Counts clicks by link and unit; the clicks come in the order of their key, and so do the deltas. */
export function linkDeltas(
  unit: 'minute' | 'hour' | 'day',
  columns: ClickColumns,
  clicks: readonly ClickIndex[],
  newcomers: ReadonlySet<ClickIndex>,
): LinkDelta[] {
  const { at, flags, texts } = columns;
  const deltas: LinkDelta[] = [];
  let open: LinkDelta | undefined;
  for (const click of clicks) {
    const link = texts.linkId[click] as number;
    const start = floorTo(unit, at[click] as number);
    if (open?.link !== link || open.at !== start) {
      open = { link, at: start, counts: [0, 0, 0, 0, 0, 0] };
      deltas.push(open);
    }
    const { counts } = open;
    const counter = counterOf(flags[click] as number);
    (counts[counter] as number)++;
    if (newcomers.has(click)) (counts[counter + 1] as number)++;
  }
  return deltas;
}

/** What the clicks add to an hour of a workspace, whichever of its links were followed. */
export interface WorkspaceDelta {
  /** Index into the dictionary. */
  readonly workspace: number;
  readonly at: number;
  /** Clicks, visitors, bots, bot visitors. */
  readonly counts: number[];
}

/** Counts the clicks of people and bots by workspace and hour; sorted by both. */
export function workspaceDeltas(
  { dictionary, at, flags, texts }: ClickColumns,
  clicks: readonly ClickIndex[],
  newcomers: ReadonlySet<ClickIndex>,
): WorkspaceDelta[] {
  const workspaces = new Map<number, Map<number, WorkspaceDelta>>();
  for (const click of clicks) {
    const counter = counterOf(flags[click] as number);
    if (counter > botCounter) continue;
    const workspace = texts.workspaceId[click] as number;
    const hour = floorTo('hour', at[click] as number);
    const ofWorkspace = entryOf(workspaces, workspace, () => new Map<number, WorkspaceDelta>());
    const delta = entryOf(ofWorkspace, hour, () => ({ workspace, at: hour, counts: [0, 0, 0, 0] }));
    (delta.counts[counter] as number)++;
    if (newcomers.has(click)) (delta.counts[counter + 1] as number)++;
  }
  const text = ({ workspace }: WorkspaceDelta): string => dictionary[workspace] as string;
  return [...workspaces.values()]
    .flatMap((ofWorkspace) => [...ofWorkspace.values()])
    .sort((a, b) => (text(a) === text(b) ? a.at - b.at : text(a) < text(b) ? -1 : 1));
}

/** Counts clicks by link, hour, dimension and value. The empty value has no entry: it is the rest. */
export function breakdownDeltas(
  columns: ClickColumns,
  clicks: readonly ClickIndex[],
  newcomers: ReadonlySet<ClickIndex>,
): BreakdownDelta[] {
  const { at, flags, texts } = columns;
  const values = valuesOf(columns);
  const deltas: BreakdownDelta[] = [];
  const entries = new Map<number, number>();
  let open: BreakdownDelta | undefined;
  for (const click of clicks) {
    const counter = counterOf(flags[click] as number);
    if (counter > botCounter) continue;
    const link = texts.linkId[click] as number;
    const hour = floorTo('hour', at[click] as number);
    if (open?.link !== link || open.at !== hour) {
      open = { link, at: hour, dimension: [], value: [], counts: [[], [], [], []] };
      deltas.push(open);
      entries.clear();
    }
    const isNew = newcomers.has(click);
    for (let dimension = 1; dimension <= dimensions.length; dimension++) {
      const value = values.indexOf(dimension, click);
      if (value === 0) continue;
      const entry = entryIn(open, entries, dimension, value, values.text);
      (open.counts[counter as 0 | 2][entry] as number)++;
      if (isNew) (open.counts[(counter + 1) as 1 | 3][entry] as number)++;
    }
  }
  return deltas;
}

/** The position of this value and dimension in the open delta; added if missing. */
function entryIn(
  open: BreakdownDelta,
  entries: Map<number, number>,
  dimension: number,
  value: number,
  text: (value: number) => string,
): number {
  const key = value * (dimensions.length + 1) + dimension;
  const known = entries.get(key);
  if (known !== undefined) return known;
  const entry = open.dimension.push(dimension) - 1;
  entries.set(key, entry);
  open.value.push(text(value));
  for (const column of open.counts) column.push(0);
  return entry;
}

/**
 * The value of each dimension of a click, as a number that stands for its text. Cities include the country and region: there is a
 * Springfield in every other state.
 */
function valuesOf({ dictionary, texts }: ClickColumns): {
  indexOf(dimension: number, click: ClickIndex): number;
  text(value: number): string;
} {
  const cities: string[] = [];
  const known = new Map<number, Map<number, number>>();
  const cityOf = (click: ClickIndex): number => {
    const city = texts.city[click] as number;
    if (city === 0) return 0;
    const [region, country] = [texts.region[click] as number, texts.country[click] as number];
    const ofCity = entryOf(known, city, () => new Map<number, number>());
    return entryOf(ofCity, region * dictionary.length + country, () => {
      const parts = [city, region, country].filter((part) => part !== 0).map((part) => dictionary[part]);
      return dictionary.length + cities.push(parts.join(', ')) - 1;
    });
  };
  const { referrerHost, country, device, browser, operatingSystem, language } = texts;
  const columnBy: Readonly<Record<Dimension, Uint32Array | typeof cityOf>> = {
    ...{ referrer: referrerHost, country, city: cityOf, device, browser, language },
    operating_system: operatingSystem,
  };
  const columns = dimensions.map((name) => columnBy[name]);
  return {
    indexOf(dimension, click) {
      const column = columns[dimension - 1] as (typeof columns)[number];
      return typeof column === 'function' ? column(click) : (column[click] as number);
    },
    text: (value) => dictionary[value] ?? (cities[value - dictionary.length] as string),
  };
}
