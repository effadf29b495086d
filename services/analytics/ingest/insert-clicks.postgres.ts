import type { PoolClient } from 'pg';
import { entryOf } from '../map-entry.ts';
import { floorTo } from '../statistics/cover.ts';
import { clickTexts } from './click-batch.ts';
import { type ClickColumns, type ClickIndex, inOrder } from './click-columns.ts';
import { CopyRows, copyInto, copyMeanwhile, type Field, textField, uuidField } from './copy.postgres.ts';
import { hasVisitor } from './rollup-deltas.ts';

const columns = `at, request_id, link_id, workspace_id, link_version, visitor, tier, status, flags, edge_id,
  domain, code, referrer_host, country, region, city, device, browser, operating_system, language, new_visitor`;
const fieldsOfClick = 21;

/**
 * The clicks to store, in the order of their key. Duplicates are rare: a resent message, an edge that started over. So without `look` all are
 * copied without checking, at half the cost of a checking insert; if one of them already exists, that is a unique violation, and the
 * transaction has to be run again with `look`.
 */
export async function newClicks(
  client: PoolClient,
  all: ClickColumns,
  wanted: readonly ClickIndex[],
  look: boolean,
): Promise<readonly ClickIndex[]> {
  const sorted = inOrder(all, wanted);
  return look ? withoutStored(client, all, withoutTwins(all, sorted)) : sorted;
}

/** Each click records whether its visitor is new. */
export function clickRows(
  all: ClickColumns,
  clicks: readonly ClickIndex[],
  newcomers: ReadonlySet<ClickIndex>,
): CopyRows {
  const { at, requestIds, linkVersion, visitor, tier, status, flags, edgeId, texts } = all;
  const { text, uuid } = fieldsOf(all);
  const textColumns = clickTexts.map((name) => texts[name]);
  const rows = new CopyRows();
  for (const click of clicks) {
    rows.row(fieldsOfClick);
    rows.time(at[click] as number);
    rows.uuid(requestIds, click * 16);
    rows.field(uuid(texts.linkId[click] as number));
    rows.field(uuid(texts.workspaceId[click] as number));
    rows.int8(linkVersion[click] as bigint);
    rows.int8(visitor[click] as bigint);
    rows.int2(tier[click] as number);
    rows.int2(status[click] as number);
    rows.int2(flags[click] as number);
    rows.field(text(edgeId[click] as number));
    for (const column of textColumns) rows.field(text(column[click] as number));
    rows.bool(newcomers.has(click));
  }
  return rows;
}

export async function insertClicks(client: PoolClient, rows: CopyRows): Promise<void> {
  await copyInto(client, `clicks (${columns})`, rows);
}

/** Encoded fields of the dictionary and of other texts, each created on first use. */
export function fieldsOf({ dictionary }: Pick<ClickColumns, 'dictionary'>): {
  text(index: number): Field;
  uuid(index: number): Field;
  value(text: string): Field;
} {
  const texts: Field[] = [];
  const uuids: Field[] = [];
  const values = new Map<string, Field>();
  return {
    text(index) {
      texts[index] ??= textField(dictionary[index] as string);
      return texts[index];
    },
    uuid(index) {
      uuids[index] ??= uuidField(dictionary[index] as string);
      return uuids[index];
    },
    value: (text) => entryOf(values, text, () => textField(text)),
  };
}

/** Keeps the first of several with the same key. They are adjacent. */
function withoutTwins({ at, requestIds, texts }: ClickColumns, clicks: readonly ClickIndex[]): ClickIndex[] {
  return clicks.filter((click, place) => {
    const before = clicks[place - 1];
    return (
      before === undefined ||
      at[before] !== at[click] ||
      texts.linkId[before] !== texts.linkId[click] ||
      requestIds.compare(requestIds, click * 16, click * 16 + 16, before * 16, before * 16 + 16) !== 0
    );
  });
}

/** limit 1 keeps the planner from a join over whole days; it plans anew each time, since a small table may have grown. */
const storedClicks = `
select (i.place - 1)::int as place
from unnest($1::uuid[], $2::bigint[], $3::uuid[]) with ordinality as i (link_id, at_us, request_id, place)
where (select true from clicks c where c.link_id = i.link_id and c.request_id = i.request_id
  and c.at = 'epoch'::timestamptz + i.at_us * interval '1 microsecond' limit 1)`;

async function withoutStored(
  client: PoolClient,
  { dictionary, at, requestIds, texts }: ClickColumns,
  clicks: readonly ClickIndex[],
): Promise<ClickIndex[]> {
  const { rows } = await client.query<{ place: number }>(storedClicks, [
    clicks.map((click) => dictionary[texts.linkId[click] as number]),
    clicks.map((click) => at[click]),
    clicks.map((click) => requestIds.toString('hex', click * 16, click * 16 + 16)),
  ]);
  const stored = new Set(rows.map(({ place }) => place));
  return clicks.filter((_, place) => !stored.has(place));
}

/** One day at a time, so that only one partition is read. */
const knownVisitors = `
select (i.place - 1)::int as place
from unnest($2::uuid[], $3::bigint[]) with ordinality as i (link_id, visitor, place)
where (select true from visitors v where v.day = $1 and v.link_id = i.link_id and v.visitor = i.visitor limit 1)`;

/** The clicks with which somebody comes who is new to the link on that UTC day, by day, in the order of the visitors' key. */
export async function newVisitors(
  client: PoolClient,
  all: ClickColumns,
  clicks: readonly ClickIndex[],
): Promise<Map<number, ClickIndex[]>> {
  const fresh = new Map<number, ClickIndex[]>();
  for (const [dayUs, ofDay] of firstsByDay(all, clicks)) {
    const day = new Date(dayUs / 1_000).toISOString().slice(0, 10);
    const { rows } = await client.query<{ place: number }>(knownVisitors, [
      day,
      literal(ofDay.map((click) => all.dictionary[all.texts.linkId[click] as number])),
      literal(ofDay.map((click) => all.visitor[click])),
    ]);
    const known = new Set(rows.map(({ place }) => place));
    const newOfDay = ofDay.filter((_, place) => !known.has(place));
    if (newOfDay.length > 0) fresh.set(dayUs, newOfDay);
  }
  return fresh;
}

/**
 * Records new visitors; meanwhile `work` is done here. Of two transactions with the same visitor the later one gets a unique violation, and
 * has to be run again.
 */
export async function insertVisitors<Result>(
  client: PoolClient,
  all: ClickColumns,
  fresh: ReadonlyMap<number, readonly ClickIndex[]>,
  work: () => Result,
): Promise<Result> {
  if (fresh.size === 0) return work();
  return copyMeanwhile(client, 'visitors (day, link_id, visitor, at, request_id)', visitorRows(all, fresh), work);
}

/** The first click of each visitor, by day, in the order of the visitors' key. */
function firstsByDay(all: ClickColumns, clicks: readonly ClickIndex[]): Map<number, ClickIndex[]> {
  const { at, visitor, texts } = all;
  const days = new Map<number, ClickIndex[]>();
  const seen = new Map<number, Set<bigint>>();
  let link: number | undefined;
  let ofLink: ClickIndex[] = [];
  const close = (): void => {
    ofLink.sort((a, b) => ((visitor[a] as bigint) < (visitor[b] as bigint) ? -1 : 1));
    for (const click of ofLink) {
      entryOf(days, floorTo('day', at[click] as number), (): ClickIndex[] => []).push(click);
    }
    ofLink = [];
    seen.clear();
  };
  for (const click of clicks) {
    if (texts.linkId[click] !== link) close();
    link = texts.linkId[click];
    if (!hasVisitor(all, click)) continue;
    const ofDay = entryOf(seen, floorTo('day', at[click] as number), () => new Set<bigint>());
    if (ofDay.has(visitor[click] as bigint)) continue;
    ofDay.add(visitor[click] as bigint);
    ofLink.push(click);
  }
  close();
  return days;
}

function visitorRows(all: ClickColumns, fresh: ReadonlyMap<number, readonly ClickIndex[]>): CopyRows {
  const { at, requestIds, visitor, texts } = all;
  const { uuid } = fieldsOf(all);
  const rows = new CopyRows();
  for (const [dayUs, clicks] of fresh) {
    for (const click of clicks) {
      rows.row(5);
      rows.date(dayUs);
      rows.field(uuid(texts.linkId[click] as number));
      rows.int8(visitor[click] as bigint);
      rows.time(at[click] as number);
      rows.uuid(requestIds, click * 16);
    }
  }
  return rows;
}

/** An array literal of values that need no quotes: joining takes a third of the driver's time. */
export function literal(values: readonly unknown[]): string {
  return `{${values.join(',')}}`;
}
