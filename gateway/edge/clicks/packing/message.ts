import { ClickBatchSchema } from '#gen/event/v1/click_pb.ts';
import type { Place } from '../enrichment/geo.ts';
import type { Agent } from '../enrichment/user-agent.ts';
import type { FollowedLink } from '../parse.ts';
import type { ClickRows } from './click-rows.ts';
import { MessageWriter } from './message-writer.ts';

/** A hop.event.v1.ClickBatch under construction. */
export interface OpenMessage {
  /** An upper bound of its size. */
  readonly bytes: number;
  /** Adds the click of this row. */
  add(row: number): void;
  close(): { readonly value: Buffer; readonly clicks: number };
}

const batchFormat = 1;
// The size of a click without the strings it adds to the dictionary: fixed columns 32 bytes, varints at most 50.
const rowBytes = 96;
const contextBytes = 24;
// The headers of the columns, and the edge's id.
const frameBytes = 1_024;
const { field } = ClickBatchSchema;

/** The columns of varints, in the order of their fields; the visitors stand between them. */
const numberNames = ['linkId', 'workspaceId', 'linkVersion', 'tier', 'status', 'flags'] as const;
const textNames = [
  'domain',
  'code',
  'referrerHost',
  'country',
  'region',
  'city',
  'device',
  'browser',
  'operatingSystem',
  'language',
] as const;
type ColumnName = (typeof numberNames | typeof textNames)[number];
type Columns = Readonly<Record<ColumnName, (number | bigint)[]>>;

export function openMessage(clicks: ClickRows, edgeId: string): OpenMessage {
  const rows: number[] = [];
  const columns = Object.fromEntries([...numberNames, ...textNames].map((name) => [name, [] as number[]])) as Columns;
  const dictionary = createDictionary();
  let bytes = frameBytes + 3 * edgeId.length;
  return {
    get bytes() {
      return bytes + dictionary.bytes;
    },
    add(row) {
      bytes += rowBytes + (clicks.traceparents.has(row) ? contextBytes : 0);
      rows.push(row);
      addTo(columns, clicks, row, dictionary);
    },
    close() {
      const writer = new MessageWriter(bytes + dictionary.bytes);
      writer.number(field.format.number, batchFormat);
      writer.text(field.edgeId.number, edgeId);
      for (const text of dictionary.texts) writer.text(field.dictionary.number, text);
      const atUs = rows.map((row) => clicks.atUs[row] as number);
      writer.packedFixed64(field.atUs.number, atUs);
      writer.bytes(field.requestIds.number, gathered(clicks.requestIds, rows, 16));
      for (const name of numberNames) writer.packed(field[name].number, columns[name]);
      writer.bytes(field.visitor.number, gathered(clicks.visitors, rows, 8));
      for (const name of textNames) writer.packed(field[name].number, columns[name]);
      writer.bytes(field.traceContexts.number, contextsOf(clicks, rows));
      return { value: writer.finish(), clicks: rows.length };
    },
  };
}

function addTo(columns: Columns, clicks: ClickRows, row: number, dictionary: Dictionary): void {
  const followed = clicks.link[row] as FollowedLink;
  const link = dictionary.ofLink(followed);
  const place = dictionary.ofPlace(clicks.place[row] as Place);
  const agent = dictionary.ofAgent(clicks.agent[row] as Agent);
  columns.linkId.push(link.linkId);
  columns.workspaceId.push(link.workspaceId);
  columns.linkVersion.push(followed.linkVersion);
  columns.tier.push(followed.tier);
  columns.status.push(clicks.status[row] as number);
  columns.flags.push(clicks.flags[row] as number);
  columns.domain.push(link.domain);
  columns.code.push(link.code);
  columns.referrerHost.push(dictionary.ofText(clicks.referrerHost[row] as string));
  columns.country.push(place.country);
  columns.region.push(place.region);
  columns.city.push(place.city);
  columns.device.push(agent.device);
  columns.browser.push(agent.browser);
  columns.operatingSystem.push(agent.operatingSystem);
  columns.language.push(dictionary.ofText(clicks.language[row] as string));
}

type Dictionary = ReturnType<typeof createDictionary>;

/** The strings of a message by index; a value shared by many clicks is looked up once per object, not string by string. */
function createDictionary() {
  const texts = [''];
  let bytes = 0;
  const ofText = remembered(
    (text: string) => {
      bytes += text.length * 3 + 4;
      return texts.push(text) - 1;
    },
    [['', 0]],
  );
  return {
    texts,
    /** An upper bound of their size. */
    get bytes() {
      return bytes;
    },
    ofText,
    ofLink: remembered(({ linkId, workspaceId, domain, code }: FollowedLink) => ({
      linkId: ofText(linkId),
      workspaceId: ofText(workspaceId),
      domain: ofText(domain),
      code: ofText(code),
    })),
    ofPlace: remembered(({ country, region, city }: Place) => ({
      country: ofText(country),
      region: ofText(region),
      city: ofText(city),
    })),
    ofAgent: remembered(({ device, browser, operatingSystem }: Agent) => ({
      device: ofText(device),
      browser: ofText(browser),
      operatingSystem: ofText(operatingSystem),
    })),
  };
}

/** The result for each key, computed once. */
export function remembered<Key, Value>(
  find: (key: Key) => Value,
  known: readonly [Key, Value][] = [],
): (key: Key) => Value {
  const values = new Map<Key, Value>(known);
  return (key) => {
    const found = values.get(key);
    if (found !== undefined) return found;
    const value = find(key);
    values.set(key, value);
    return value;
  };
}

/** The given rows of a column with this many bytes per row. A loop: a call for each few bytes would take several times as long. */
function gathered(column: Uint8Array, rows: readonly number[], width: number): Uint8Array {
  const bytes = new Uint8Array(rows.length * width);
  let end = 0;
  for (const row of rows) {
    for (let at = row * width; at < (row + 1) * width; at++) bytes[end++] = column[at] as number;
  }
  return bytes;
}

/** Trace id and span id of each traced click. */
function contextsOf({ traceparents }: ClickRows, rows: readonly number[]): Uint8Array {
  if (traceparents.size === 0) return new Uint8Array();
  const contexts = rows.flatMap((row) => traceparents.get(row) ?? []);
  return Buffer.from(contexts.map((context) => context.slice(3, 35) + context.slice(36, 52)).join(''), 'hex');
}
