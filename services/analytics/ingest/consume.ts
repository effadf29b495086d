import type { Batch, KafkaMessage } from '#runtime/kafka/consumer.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { type ClickStore, TookTooLong } from '../store.ts';
import { decode, decodedInGroups, digestOf, newestUs } from './decoded-messages.ts';
import type { Lag } from './lag.ts';
import { createPace } from './pace.ts';
import { createStoreMessages, type StoreMessagesOptions } from './store-messages.ts';

interface ConsumeOptions extends StoreMessagesOptions {
  readonly store: ClickStore;
  readonly lag: Lag;
  readonly now?: () => number;
}

const logResets = counter(metric.clickLogResets);

/**
 * Stores the clicks of one fetch, transaction by transaction, and returns the offset that the store then has. Rejects when the store does
 * not answer; what was stored until then stays stored, and the next call continues behind it.
 */
export function createConsume(options: ConsumeOptions): (batch: Batch) => Promise<bigint> {
  const { store, log, lag, batchClicks } = options;
  const now = options.now ?? Date.now;
  const storeMessages = createStoreMessages(options);
  const pace = createPace();
  /** By partition, where its last fetch ended. */
  const ends = new Map<number, bigint>();
  /** By partition, the position last requested from Kafka: what it then returns is all there is. */
  const soughtFor = new Map<number, bigint>();

  /** A fetch that continues the last one need not ask: if the partition has another owner, the store reports it as overtaken. */
  const positionOf = async ({ topic, partition, messages }: Batch): Promise<bigint | undefined> => {
    const end = ends.get(partition);
    ends.delete(partition);
    return end !== undefined && messages[0]?.offset === String(end) ? end : store.position(topic, partition);
  };
  const readFromStart = async ({ topic, partition }: Batch, position: bigint): Promise<bigint> => {
    log.error({ partition, position: String(position) }, 'the partition has another log; it is read from its start');
    logResets.add(1);
    await store.take({ topic, partition, expected: position, next: 0n, batches: [], notBeforeUs: 0 });
    return (await store.position(topic, partition)) ?? 0n;
  };
  const storeAll = async (batch: Batch, left: Left): Promise<bigint> => {
    const { topic, partition, highWatermark } = batch;
    let position = await positionOf(batch);
    if (position !== undefined && (await isAnotherLog(store, batch, position))) return readFromStart(batch, position);
    const messages = missingFrom(batch, position, soughtFor, log);
    if (messages === undefined) return position ?? 0n;
    // Reading begins one message before the position, and a retried fetch may be stored in part.
    left.messages = messages;
    lag.stored(partition, behindOf(batch, messages, position), undefined);
    const { share, mergedLinks } = pace.of(partition);
    for (const group of decodedInGroups(messages, batchClicks * share)) {
      const step = { expected: position, now: now(), mergedLinks };
      const moved = await storeMessages(batch, group, step).catch((error: unknown) => {
        if (error instanceof TookTooLong) pace.tookTooLong(partition);
        throw error;
      });
      if (moved === 'overtaken') return (await store.position(topic, partition)) ?? 0n;
      position = moved;
      lag.stored(partition, Number(highWatermark - position), newestUs(group));
    }
    pace.stored(partition);
    if (position !== undefined) ends.set(partition, position);
    return position ?? 0n;
  };
  return (batch) => {
    const left = { messages: batch.messages };
    const oldestOf = oldestClicks();
    const waiting = { behind: behindOf(batch, batch.messages), oldestUs: () => oldestOf(left.messages[0]) };
    return lag.whileWaiting(batch.partition, () => storeAll(batch, left), waiting);
  };
}

/** What of a fetch is waiting: all of it, until the store has said what is missing. */
interface Left {
  messages: readonly KafkaMessage[];
}

/** The time of a message's first click. Metrics are read repeatedly, and decoding a message takes long. */
function oldestClicks(): (message: KafkaMessage | undefined) => number | undefined {
  let known: { readonly message: KafkaMessage; readonly atUs: number | undefined } | undefined;
  return (message) => {
    if (!message) return undefined;
    if (known?.message !== message) {
      const atUs = decode(message).batch?.atUs[0];
      known = { message, atUs: atUs === undefined ? undefined : Number(atUs) };
    }
    return known.atUs;
  };
}

/** Messages from the first waiting one to the end of the log; if none waits, from the position. */
function behindOf(
  { highWatermark }: Batch,
  [first]: readonly KafkaMessage[],
  position: bigint | undefined = highWatermark,
): number {
  return Math.max(0, Number(highWatermark - (first ? BigInt(first.offset) : position)));
}

/**
 * After each assignment reading begins one message before the position. If that message is not the one that was stored there, the topic was
 * recreated or truncated and has since grown past the position: offsets alone would not tell.
 */
async function isAnotherLog(store: ClickStore, batch: Batch, position: bigint): Promise<boolean> {
  const before = batch.messages.find(({ offset }) => BigInt(offset) === position - 1n);
  if (!before) return false;
  const known = await store.lastDigest(batch.topic, batch.partition);
  return known !== undefined && !digestOf(before).equals(known);
}

/** The messages to store; undefined when Kafka must be asked again for those at the position. */
function missingFrom(
  { partition, messages, highWatermark }: Batch,
  position: bigint | undefined,
  soughtFor: Map<number, bigint>,
  log: Log,
): readonly KafkaMessage[] | undefined {
  const first = messages[0];
  if (position === undefined || !first) return messages;
  const offset = BigInt(first.offset);
  const gap = offset > position;
  const remade = highWatermark < position;
  if (!gap && !remade) {
    soughtFor.delete(partition);
    return messages.filter((message) => BigInt(message.offset) >= position);
  }
  if (soughtFor.get(partition) !== position) {
    soughtFor.set(partition, position);
    return undefined;
  }
  log.error(
    { partition, position: String(position), offset: first.offset },
    gap ? 'Kafka has lost messages that were not read' : 'the topic was made anew; it is read from its start',
  );
  logResets.add(1);
  return messages;
}
