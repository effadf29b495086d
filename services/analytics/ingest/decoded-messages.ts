import { createHash } from 'node:crypto';
import type { KafkaMessage } from '#runtime/kafka/consumer.ts';
import { MalformedBatch, readBatch, type SoundBatch } from './click-batch.ts';

/** A message of a partition, decoded. */
export interface DecodedMessage {
  readonly message: KafkaMessage;
  readonly offset: bigint;
  /** Undefined: the message cannot be decoded, for the given reason. */
  readonly batch: SoundBatch | undefined;
  readonly reason: string;
}

export function decode(message: KafkaMessage): DecodedMessage {
  const offset = BigInt(message.offset);
  try {
    return { message, offset, batch: readBatch(message.value), reason: '' };
  } catch (error) {
    if (!(error instanceof MalformedBatch)) throw error;
    return { message, offset, batch: undefined, reason: error.message };
  }
}

/** Groups of about so many clicks. Decoded one by one: a decoded message takes several times the space. */
export function* decodedInGroups(messages: readonly KafkaMessage[], clicks: number): Generator<DecodedMessage[]> {
  let open: DecodedMessage[] = [];
  let size = 0;
  for (const message of messages) {
    const decoded = decode(message);
    open.push(decoded);
    size += decoded.batch?.atUs.length ?? 0;
    if (size < clicks) continue;
    yield open;
    open = [];
    size = 0;
  }
  if (open.length > 0) yield open;
}

/** The time of the last click; undefined if there is none. */
export function newestUs(messages: readonly DecodedMessage[]): number | undefined {
  const newest = messages.findLast(({ batch }) => batch && batch.atUs.length > 0)?.batch?.atUs.at(-1);
  return newest === undefined ? undefined : Number(newest);
}

/** Tells a message from another at its offset. Broker and producer fix both; equal clicks at another time make another message. */
export function digestOf({ timestamp, value }: KafkaMessage): Buffer {
  const hash = createHash('sha256').update(timestamp);
  return (value ? hash.update(value) : hash).digest().subarray(0, 16);
}
