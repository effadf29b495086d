import { fromBinary } from '@bufbuild/protobuf';
import { type ClickBatch, ClickBatchSchema } from '#gen/event/v1/click_pb.ts';
import { isCanonicalUuid } from '#runtime/shortlink/link-key.ts';
import type { SpanIds } from '#runtime/telemetry/tracing.ts';

/** A batch whose indexes are all valid and whose columns all have the same length. */
export type SoundBatch = ClickBatch & { readonly sound: true };

/** The message stays unreadable however often it is read. */
export class MalformedBatch extends Error {
  override readonly name = 'MalformedBatch';
}

const knownFormat = 1;
const largestBatch = 100_000;
/** In bytes. No edge writes a longer one (256 characters, gateway/edge/clicks), and three, as in a city's name, fit into an index row. */
const longestText = 800;
const earliestUs = BigInt(Date.UTC(2020, 0)) * 1_000n;
const latestUs = BigInt(Date.UTC(2100, 0)) * 1_000n;

/** Decodes a message of the clicks topic. Everything in the result can be stored. */
export function readBatch(value: Uint8Array | null): SoundBatch {
  if (!value) throw new MalformedBatch('the message is empty');
  const batch = decode(value);
  if (batch.format !== knownFormat) throw new MalformedBatch(`format ${batch.format} is not known`);
  const size = batch.atUs.length;
  if (size > largestBatch) throw new MalformedBatch(`${size} clicks are too many`);
  checkLengths(batch, size);
  checkTexts(batch);
  for (const atUs of batch.atUs) {
    if (atUs < earliestUs || atUs >= latestUs) throw new MalformedBatch('a time is out of range');
  }
  return Object.assign(batch, { sound: true as const });
}

const contextBytes = 24;

/** The spans that sent the traced clicks of the batch. */
export function sendersOf({ traceContexts }: ClickBatch): SpanIds[] {
  const senders: SpanIds[] = [];
  for (let start = 0; start + contextBytes <= traceContexts.length; start += contextBytes) {
    const hex = Buffer.from(traceContexts.subarray(start, start + contextBytes)).toString('hex');
    senders.push({ traceId: hex.slice(0, 32), spanId: hex.slice(32) });
  }
  return senders;
}

function decode(value: Uint8Array): ClickBatch {
  try {
    return fromBinary(ClickBatchSchema, value);
  } catch (error) {
    throw new MalformedBatch('the message is no ClickBatch', { cause: error });
  }
}

/** The text columns of a click, in the order of `clicks`. */
export const clickTexts = [
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

/** The columns with indexes into the dictionary. */
export const textColumns = ['linkId', 'workspaceId', ...clickTexts] as const;

const numberColumns = ['linkVersion', 'visitor', 'tier', 'status', 'flags'] as const;
const largestSmall = 32_767;

function checkLengths(batch: ClickBatch, size: number): void {
  if (batch.requestIds.length !== size * 16) throw new MalformedBatch('request_ids has another length');
  for (const name of [...numberColumns, ...textColumns]) {
    if (batch[name].length !== size) throw new MalformedBatch(`${name} has another length`);
  }
  for (const name of ['tier', 'status', 'flags'] as const) {
    for (const number of batch[name]) {
      if (number < 0 || number > largestSmall) throw new MalformedBatch(`${name} is out of range`);
    }
  }
}

function checkTexts(batch: ClickBatch): void {
  const { dictionary } = batch;
  if (dictionary[0] !== '') throw new MalformedBatch('entry 0 of the dictionary is not empty');
  // Postgres accepts no NUL in a text.
  if (dictionary.some((text) => text.includes('\0'))) throw new MalformedBatch('a text holds a NUL');
  if (dictionary.some((text) => Buffer.byteLength(text) > longestText)) throw new MalformedBatch('a text is too long');
  for (const name of textColumns) {
    for (const index of batch[name]) {
      if (index >= dictionary.length) throw new MalformedBatch(`${name} points outside the dictionary`);
    }
  }
  const identifiers = new Set([...batch.linkId, ...batch.workspaceId]);
  for (const index of identifiers) {
    if (!isCanonicalUuid(dictionary[index] ?? '')) throw new MalformedBatch('an id is no UUID');
  }
}
