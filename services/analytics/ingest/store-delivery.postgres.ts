import type { PoolClient } from 'pg';
import { nowMs } from '../clock.postgres.ts';
import { requireClock } from '../clock.ts';
import { entryOf } from '../map-entry.ts';
import { keptFrom } from '../retention/kept-from.postgres.ts';
import type { Delivery, Stored } from '../store.ts';
import { type ClickColumns, type ClickIndex, columnsOf } from './click-columns.ts';
import { additionsOf, addToCounters, type Merging } from './count-clicks.postgres.ts';
import { clickRows, insertClicks, insertVisitors, literal, newClicks, newVisitors } from './insert-clicks.postgres.ts';

/** How many of a delivery's clicks on one link are passed on to its watchers. */
export const mostTold = 1_000;

/** Which clicks are refused, and whose are passed on: read while the lock of the storing transactions is held. */
const askAbout = `
select array(select e.link_id from erased_links e where e.link_id = any($1::uuid[])) as erased_links,
  array(select e.workspace_id from erased_workspaces e where e.workspace_id = any($2::uuid[])) as erased_workspaces,
  array(select w.link_id from watched_links w where w.link_id = any($1::uuid[]) and w.until > now()) as watched,
  ${keptFrom('clicks')} as kept_from_us, ${nowMs}`;

interface About {
  readonly erased_links: readonly string[];
  readonly erased_workspaces: readonly string[];
  readonly watched: readonly string[];
  readonly kept_from_us: number | null;
  readonly now_ms: number;
}

export interface StoreOptions {
  /** An earlier attempt met clicks or visitors that already exist. */
  readonly look: boolean;
  readonly merging?: Merging | undefined;
}

/**
 * Stores a delivery's clicks and counts those that are new, in the transaction that has moved its offset: exactly the inserted clicks are
 * counted.
 */
export async function storeDelivery(
  client: PoolClient,
  delivery: Delivery,
  { look, merging }: StoreOptions,
): Promise<Stored> {
  const all = columnsOf(delivery.batches);
  const outcome = { stored: 0, duplicates: 0, expired: 0, future: 0, erased: 0 };
  if (all.size === 0) return outcome;
  const identifiers = (column: Uint32Array): string => literal(Array.from(new Set(column), (id) => all.dictionary[id]));
  const asked = [identifiers(all.texts.linkId), identifiers(all.texts.workspaceId)];
  const { rows } = await client.query<About>(askAbout, asked);
  const [about = { erased_links: [], erased_workspaces: [], watched: [], kept_from_us: null, now_ms: 0 }] = rows;
  const wanted = admitted(all, delivery, about, outcome);
  const { nowUs } = delivery;
  if (outcome.expired + outcome.future > 0 && nowUs !== undefined) requireClock(nowUs / 1_000, about.now_ms);
  const stored = await newClicks(client, all, wanted, look);
  if (stored.length > 0) await insertAndCount(client, all, stored, { source: delivery.partition, merging });
  await tell(client, delivery, all, stored, new Set(about.watched));
  return { ...outcome, stored: stored.length, duplicates: wanted.length - stored.length };
}

/** Rows and sums are made here while Postgres stores the visitors: otherwise each of the two would wait for the other. */
async function insertAndCount(
  client: PoolClient,
  all: ClickColumns,
  clicks: readonly ClickIndex[],
  { source, merging }: { source: number; merging: Merging | undefined },
): Promise<void> {
  const visitors = await newVisitors(client, all, clicks);
  const newcomers = new Set([...visitors.values()].flat());
  const { rows, additions } = await insertVisitors(client, all, visitors, () => ({
    rows: clickRows(all, clicks, newcomers),
    additions: additionsOf(all, clicks, newcomers),
  }));
  await insertClicks(client, rows);
  await addToCounters(client, additions, source, merging);
}

/** Leaves out, and counts in the outcome, what is too old, dated too far ahead or erased. */
function admitted(
  { at, size, dictionary, texts }: ClickColumns,
  { notBeforeUs, notAfterUs = Number.POSITIVE_INFINITY }: Delivery,
  about: About,
  outcome: { expired: number; future: number; erased: number },
): ClickIndex[] {
  const erased = new Set([...about.erased_links, ...about.erased_workspaces]);
  const isErased = (click: ClickIndex): boolean =>
    erased.size > 0 &&
    [texts.linkId, texts.workspaceId].some((column) => erased.has(dictionary[column[click] as number] as string));
  const keptFromUs = Math.max(notBeforeUs, about.kept_from_us ?? Number.NEGATIVE_INFINITY);
  const wanted: ClickIndex[] = [];
  for (let click = 0; click < size; click++) {
    const time = at[click] as number;
    if (time < keptFromUs) outcome.expired++;
    else if (time >= notAfterUs) outcome.future++;
    else if (isErased(click)) outcome.erased++;
    else wanted.push(click);
  }
  return wanted;
}

const writeLive = `
insert into live_clicks (source, link_id, total, clicks)
select $1, i.link_id, i.total, i.clicks from json_to_recordset($2) as i (link_id uuid, total int, clicks json)`;

/** Passes on the clicks of watched links: live-clicks.postgres.ts reads them. */
async function tell(
  client: PoolClient,
  { topic, partition }: Delivery,
  all: ClickColumns,
  stored: readonly ClickIndex[],
  watched: ReadonlySet<string>,
): Promise<void> {
  if (watched.size === 0) return;
  const byLink = new Map<string, ClickIndex[]>();
  for (const click of stored) {
    const link = all.dictionary[all.texts.linkId[click] as number] as string;
    if (watched.has(link)) entryOf(byLink, link, (): ClickIndex[] => []).push(click);
  }
  if (byLink.size === 0) return;
  const rows = Array.from(byLink, ([link_id, clicks]) => ({
    link_id,
    total: clicks.length,
    clicks: clicks.slice(0, mostTold).map((click) => liveClick(all, click)),
  }));
  await client.query(writeLive, [`${topic}/${partition}`, JSON.stringify(rows)]);
}

function liveClick(all: ClickColumns, click: ClickIndex): (number | string | undefined)[] {
  const { dictionary, at, flags, tier, texts } = all;
  const { country, region, city, device, browser, operatingSystem, referrerHost, language } = texts;
  const told = [country, region, city, device, browser, operatingSystem, referrerHost, language];
  return [
    Math.floor((at[click] as number) / 1_000),
    flags[click],
    ...told.map((column) => dictionary[column[click] as number]),
    tier[click],
  ];
}
