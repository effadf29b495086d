import { entryOf } from '../map-entry.ts';
import { type SoundBatch, textColumns } from './click-batch.ts';

type TextColumn = (typeof textColumns)[number];

/** The clicks of a delivery, column by column, whatever messages they came in. Texts are indexes into one dictionary; 0 is "". */
export interface ClickColumns {
  readonly size: number;
  readonly dictionary: readonly string[];
  /** Microseconds since 1970. */
  readonly at: Float64Array;
  /** 16 bytes each. */
  readonly requestIds: Buffer;
  readonly linkVersion: BigInt64Array;
  readonly visitor: BigInt64Array;
  readonly tier: Int16Array;
  readonly status: Int16Array;
  readonly flags: Int16Array;
  readonly edgeId: Uint32Array;
  readonly texts: Readonly<Record<TextColumn, Uint32Array>>;
}

/** A click, by its position in the columns. */
export type ClickIndex = number;

export function columnsOf(batches: readonly SoundBatch[]): ClickColumns {
  const size = batches.reduce((sum, { atUs }) => sum + atUs.length, 0);
  const dictionary: string[] = [];
  const indexes = new Map<string, number>();
  const indexOf = (text: string): number => entryOf(indexes, text, () => dictionary.push(text) - 1);
  indexOf('');
  const texts = Object.fromEntries(textColumns.map((name) => [name, new Uint32Array(size)]));
  const columns: ClickColumns = {
    size,
    dictionary,
    at: new Float64Array(size),
    requestIds: Buffer.concat(batches.map(({ requestIds }) => requestIds)),
    linkVersion: new BigInt64Array(size),
    visitor: new BigInt64Array(size),
    tier: new Int16Array(size),
    status: new Int16Array(size),
    flags: new Int16Array(size),
    edgeId: new Uint32Array(size),
    texts: texts as Record<TextColumn, Uint32Array>,
  };
  let start = 0;
  for (const batch of batches) {
    fill(columns, batch, start, indexOf);
    start += batch.atUs.length;
  }
  return columns;
}

function fill(columns: ClickColumns, batch: SoundBatch, start: number, indexOf: (text: string) => number): void {
  const count = batch.atUs.length;
  for (let row = 0; row < count; row++) columns.at[start + row] = Number(batch.atUs[row]);
  columns.linkVersion.set(batch.linkVersion, start);
  // Setting a signed column wraps values above its range, as bigint does in Postgres.
  columns.visitor.set(batch.visitor, start);
  columns.tier.set(batch.tier, start);
  columns.status.set(batch.status, start);
  columns.flags.set(batch.flags, start);
  columns.edgeId.fill(indexOf(batch.edgeId), start, start + count);
  const index = Uint32Array.from(batch.dictionary, indexOf);
  for (const name of textColumns) {
    const from = batch[name];
    const to = columns.texts[name];
    for (let row = 0; row < count; row++) to[start + row] = index[from[row] as number] as number;
  }
}

/**
 * Clicks in the order of their key: by link, time and request id. Everything is written in this order: neighbours in an index are written
 * together, and transactions cannot deadlock.
 */
export function inOrder(columns: ClickColumns, clicks: Iterable<ClickIndex>): ClickIndex[] {
  const { dictionary, at, requestIds, texts } = columns;
  const byLink = new Map<number, ClickIndex[]>();
  for (const click of clicks) {
    entryOf(byLink, texts.linkId[click] as number, (): ClickIndex[] => []).push(click);
  }
  const compare = (a: ClickIndex, b: ClickIndex): number =>
    (at[a] as number) - (at[b] as number) || requestIds.compare(requestIds, b * 16, b * 16 + 16, a * 16, a * 16 + 16);
  const text = (link: number): string => dictionary[link] as string;
  return [...byLink]
    .sort(([a], [b]) => (text(a) < text(b) ? -1 : 1))
    .flatMap(([, ofLink]) => (ofLink.length > 1 ? ofLink.sort(compare) : ofLink));
}
