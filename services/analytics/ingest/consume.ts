import { createHash } from 'node:crypto';
import type { Batch, KafkaMessage } from '#runtime/kafka/consumer.ts';
import type { Producer } from '#runtime/kafka/producer.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { clockSlack, retainedFrom } from '../statistics/retained.ts';
import { type ClickStore, RowsRefused, TookTooLong } from '../store.ts';
import { MalformedBatch, readBatch, type SoundBatch } from './click-batch.ts';
import { createDeadLetters, type DeadLetters } from './dead-letters.ts';
import { createGroupCommit, type Take } from './group-commit.ts';
import type { Lag } from './lag.ts';
import { consumed } from './telemetry.ts';

interface ConsumeOptions {
  readonly store: ClickStore;
  /** Receives the messages that cannot be stored. */
  readonly dead: Pick<Producer, 'send'>;
  readonly deadTopic: string;
  readonly log: Log;
  /** Clicks per transaction; a single message may have more. */
  readonly batchClicks: number;
  readonly retentionDays: number;
  readonly lag: Lag;
  readonly now?: () => number;
}

interface Storing extends ConsumeOptions {
  readonly deadLetters: DeadLetters;
  readonly take: Take;
}

/** One decoded message of a partition. */
interface Parcel {
  readonly message: KafkaMessage;
  readonly offset: bigint;
  /** Undefined: the message cannot be decoded, for the given reason. */
  readonly batch: SoundBatch | undefined;
  readonly reason: string;
}

const logResets = counter(metric.clickLogResets);
/** How often rows are offered to the store, alone, before their message is given up. */
const refusalsToDeath = 3;
/** Enough to go from the largest configurable transaction to one message each. */
const mostHalvings = 17;
/** For this many fetches after a transaction that took too long, each merges one link, so that less remains due. */
const calmFetches = 50;

/**
 * Stores the clicks of one fetch, transaction by transaction, and returns the offset that the store then has. Rejects when the store does
 * not answer; what was stored until then stays stored, and the next call continues behind it.
 */
export function createConsume(options: ConsumeOptions): (batch: Batch) => Promise<bigint> {
  const { store, log, lag } = options;
  const now = options.now ?? Date.now;
  const storing = { ...options, deadLetters: createDeadLetters(options), take: createGroupCommit(options) };
  /** By partition, where its last fetch ended. */
  const ends = new Map<number, bigint>();
  /** By partition, the position last requested from Kafka: what it then returns is all there is. */
  const soughtFor = new Map<number, bigint>();
  /** By partition, how often its transactions were halved because they took too long. */
  const halvings = new Map<number, number>();
  /** By partition, how many fetches remain before as many links are merged with a transaction as usual. */
  const calmFor = new Map<number, number>();

  /** A fetch that continues the last one need not ask: if the partition has another owner, the store reports it as overtaken. */
  const positionOf = async ({ topic, partition, messages }: Batch): Promise<bigint | undefined> => {
    const end = ends.get(partition);
    ends.delete(partition);
    return end !== undefined && messages[0]?.offset === String(end) ? end : store.position(topic, partition);
  };
  const storeAll = async (batch: Batch, left: Left): Promise<bigint> => {
    const { topic, partition, highWatermark } = batch;
    let position = await positionOf(batch);
    if (position !== undefined && (await isAnotherLog(store, batch, position))) {
      log.error({ partition, position: String(position) }, 'the partition has another log; it is read from its start');
      logResets.add(1);
      await store.take({ topic, partition, expected: position, next: 0n, batches: [], notBeforeUs: 0 });
      return (await store.position(topic, partition)) ?? 0n;
    }
    const messages = missingFrom(batch, position, soughtFor, log);
    if (messages === undefined) return position ?? 0n;
    // Reading begins one message before the position, and a retried fetch may be stored in part.
    left.messages = messages;
    lag.stored(partition, behindOf(batch, messages, position), undefined);
    const halved = halvings.get(partition) ?? 0;
    const calm = calmFor.get(partition) ?? 0;
    const mergedLinks = halved > 0 ? 0 : calm > 0 ? 1 : undefined;
    for (const parcels of group(messages, options.batchClicks / 2 ** halved)) {
      const step = { expected: position, now: now(), mergedLinks };
      const moved = await storeParcels(storing, batch, parcels, step).catch((error: unknown) => {
        if (error instanceof TookTooLong) {
          halvings.set(partition, Math.min(halved + 1, mostHalvings));
          calmFor.set(partition, calmFetches);
        }
        throw error;
      });
      storing.deadLetters.passed(partition);
      if (moved === 'overtaken') return (await store.position(topic, partition)) ?? 0n;
      position = moved;
      lag.stored(partition, Number(highWatermark - position), newestUs(parcels));
    }
    if (halved > 0) halvings.set(partition, halved - 1);
    if (calm > 0) calmFor.set(partition, calm - 1);
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
      const atUs = read(message).batch?.atUs[0];
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

/** Broker and producer fix both; equal clicks at another time make another message. */
function digestOf({ timestamp, value }: KafkaMessage): Buffer {
  const hash = createHash('sha256').update(timestamp);
  return (value ? hash.update(value) : hash).digest().subarray(0, 16);
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

function read(message: KafkaMessage): Parcel {
  const offset = BigInt(message.offset);
  try {
    return { message, offset, batch: readBatch(message.value), reason: '' };
  } catch (error) {
    if (!(error instanceof MalformedBatch)) throw error;
    return { message, offset, batch: undefined, reason: error.message };
  }
}

/** Decoded one by one: a decoded message takes several times the space. */
function* group(messages: readonly KafkaMessage[], clicks: number): Generator<Parcel[]> {
  let open: Parcel[] = [];
  let size = 0;
  for (const message of messages) {
    const parcel = read(message);
    open.push(parcel);
    size += parcel.batch?.atUs.length ?? 0;
    if (size < clicks) continue;
    yield open;
    open = [];
    size = 0;
  }
  if (open.length > 0) yield open;
}

async function storeParcels(
  options: Storing,
  batch: Batch,
  parcels: readonly Parcel[],
  step: Omit<Step, 'next'>,
): Promise<bigint | 'overtaken'> {
  const next = (parcels.at(-1)?.offset ?? -1n) + 1n;
  const sound = parcels.flatMap((parcel) => parcel.batch ?? []);
  const unreadable = parcels.filter((parcel) => parcel.batch === undefined);
  await options.deadLetters.bury(batch, unreadable);
  try {
    const last = parcels.at(-1)?.message;
    const digest = last && digestOf(last);
    const stored = await take(options, batch, sound, { ...step, next, digest });
    if (stored !== 'overtaken') consumed.add(unreadable.length, { outcome: 'malformed' });
    return stored === 'overtaken' ? stored : next;
  } catch (error) {
    if (!(error instanceof RowsRefused)) throw error;
    return storeOneByOne(
      options,
      batch,
      parcels.filter((parcel) => parcel.batch),
      { ...step, next },
    );
  }
}

interface Step {
  readonly expected: bigint | undefined;
  readonly next: bigint;
  readonly now: number;
  readonly mergedLinks: number | undefined;
  readonly digest?: Uint8Array | undefined;
}

/** Some rows are refused: each message is stored alone, so that only the faulty one is given up. */
async function storeOneByOne(
  options: Storing,
  batch: Batch,
  parcels: readonly Parcel[],
  { expected, next, now, mergedLinks }: Step,
): Promise<bigint | 'overtaken'> {
  let position = expected;
  for (const [index, parcel] of parcels.entries()) {
    const end = index === parcels.length - 1 ? next : parcel.offset + 1n;
    const step = { expected: position, next: end, now, mergedLinks };
    let taken = await takeAlone(options, batch, parcel, step);
    if (taken === 'refused') {
      await options.deadLetters.bury(batch, [{ ...parcel, reason: 'the store refuses its rows' }]);
      taken = await take(options, batch, [], step);
      consumed.add(1, { outcome: 'malformed' });
    }
    if (taken === 'overtaken') return taken;
    position = end;
  }
  return position ?? next;
}

async function takeAlone(
  options: Storing,
  batch: Batch,
  parcel: Parcel,
  step: Step,
): Promise<'stored' | 'overtaken' | 'refused'> {
  for (let refusals = 0; refusals < refusalsToDeath; refusals++) {
    try {
      return await take(options, batch, parcel.batch ? [parcel.batch] : [], step);
    } catch (error) {
      if (!(error instanceof RowsRefused)) throw error;
      options.log.error({ err: error, partition: batch.partition, offset: String(parcel.offset) }, 'rows were refused');
    }
  }
  return 'refused';
}

function take(
  { take: takeShared, retentionDays }: Storing,
  { topic, partition }: Batch,
  batches: readonly SoundBatch[],
  { expected, next, now, mergedLinks, digest }: Step,
): Promise<'stored' | 'overtaken'> {
  const limits = {
    notBeforeUs: retainedFrom(now, retentionDays),
    notAfterUs: now * 1_000 + clockSlack,
    nowUs: now * 1_000,
  };
  return takeShared({ topic, partition, expected, next, batches, digest, mergedLinks, ...limits });
}

function newestUs(parcels: readonly Parcel[]): number | undefined {
  const newest = parcels.findLast((parcel) => parcel.batch && parcel.batch.atUs.length > 0)?.batch?.atUs.at(-1);
  return newest === undefined ? undefined : Number(newest);
}
