import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import type { Log } from '../telemetry/log.ts';
import { createKafka, type KafkaOptions } from './client.ts';

export type { KafkaMessage } from 'kafkajs';

export interface Batch {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly KafkaMessage[];
  /** The offset that the next message of the partition will get. */
  readonly highWatermark: bigint;
}

export interface ConsumerOptions extends KafkaOptions {
  readonly groupId: string;
  readonly topic: string;
  /**
   * The next offset to read according to the store; undefined: the partition was never read. Asked at each new assignment and after each pause
   * in reading.
   */
  readonly position: (partition: number) => Promise<bigint | undefined>;
  /**
   * Stores a batch and its end in one transaction, and returns the next offset to read according to the store after that. A rejection is
   * retried, with pauses of up to 5 s, for as long as the partition is assigned to us.
   */
  readonly handle: (batch: Batch) => Promise<bigint>;
  /** How many partitions are handled concurrently, each one batch at a time (default 1). */
  readonly concurrency?: number;
  /** Called with the partitions assigned to us, each time the group is joined. */
  readonly assigned?: (partitions: readonly number[]) => void;
  /** How long the broker may delay a fetch to wait for more data (default 50). */
  readonly maxWaitMs?: number;
}

export interface RunningConsumer {
  close(): Promise<void>;
}

const longestPauseMs = 5_000;
const disconnectLimitMs = 2_000;

/**
 * Some five minutes, which outlast a restart of the broker, so that the membership is kept. A failure that they cannot outlast ends the run,
 * and the next run begins with fresh positions.
 */
const retries = 300;
/**
 * Answers to fetches that follow each other as closely as this, and the time that a broker may take for one, come from the same log: no topic
 * is deleted, made anew and filled up to our place in between.
 */
const longestGapMs = 1_000;

/**
 * Reads a topic from the offsets that the store holds; those committed to Kafka are not used. Every partition starts at its oldest message
 * and is moved to its offset by the first batch, so an offset is never guessed. After a pause in reading (the store or the broker was away)
 * the store is asked again, because the log may have been replaced meanwhile. Restarts by itself.
 */
export function createConsumer(options: ConsumerOptions): RunningConsumer {
  const stopping = new AbortController();
  const running = keepRunning(options, stopping.signal);
  return {
    async close() {
      stopping.abort();
      await running;
    },
  };
}

/** kafkajs gives up for good on errors that it considers permanent, even if a broker comes back. */
async function keepRunning(options: ConsumerOptions, signal: AbortSignal): Promise<void> {
  for (let pauseMs = 250; !signal.aborted; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    const startedAt = Date.now();
    try {
      await runOnce(options, signal);
    } catch (error) {
      options.log.warn({ err: error, group: options.groupId }, 'the Kafka consumer ended; it begins again');
    }
    if (Date.now() - startedAt > 60_000) pauseMs = 250;
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
  }
}

async function runOnce(options: ConsumerOptions, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const consumer = createKafka(options, { retries, signal: over.signal }).consumer({
    groupId: options.groupId,
    allowAutoTopicCreation: false,
    // A dead member keeps its partitions for this long.
    sessionTimeout: 6_000,
    heartbeatInterval: 1_500,
    rebalanceTimeout: 10_000,
    maxWaitTimeInMs: maxWaitOf(options),
    maxBytesPerPartition: 1_048_576,
    retry: { retries, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: async () => false },
  });
  let stop = (): void => {};
  const ended = new Promise<unknown>((resolve) => {
    stop = () => resolve(undefined);
    signal.addEventListener('abort', stop, { once: true });
    consumer.on('consumer.crash', ({ payload }) => resolve(payload.error));
    // kafkajs would ask the same broker again and again, although other brokers lead its partitions and the group by now.
    consumer.on('consumer.network.request_timeout', ({ payload: { broker, apiName } }) =>
      resolve(new Error(`Kafka's broker ${broker} does not answer ${apiName}`)),
    );
  });
  const places = trackPlaces(consumer, options);
  const read = async (): Promise<unknown> => {
    await consumer.connect();
    await consumer.subscribe({ topic: options.topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: options.concurrency ?? 1,
      eachBatch: (payload) => onBatch(options, consumer, places(), payload, signal),
    });
    return ended;
  };
  try {
    const fault = await Promise.race([read(), ended]);
    if (fault !== undefined) throw fault;
  } finally {
    signal.removeEventListener('abort', stop);
    await Promise.race([consumer.disconnect().catch(() => {}), sleep(disconnectLimitMs)]);
    // What is still being retried must not join the group beside the next run, or after close().
    over.abort();
  }
}

const maxWaitOf = ({ maxWaitMs = 50 }: Pick<ConsumerOptions, 'maxWaitMs'>): number => maxWaitMs;

interface Places {
  /** The partitions whose place was compared with the store since the group was joined and since the last pause in reading. */
  readonly placed: Set<number>;
  /** By partition, the position last requested from Kafka: what it then returns is all there is, where messages were deleted. */
  readonly soughtFor: Map<number, bigint>;
}

function trackPlaces(consumer: Consumer, options: ConsumerOptions): () => Places {
  // New ones each time: a batch from before must not add to them.
  let placed = new Set<number>();
  let soughtFor = new Map<number, bigint>();
  consumer.on('consumer.group_join', ({ payload }) => {
    placed = new Set();
    soughtFor = new Map();
    options.assigned?.(payload.memberAssignment[options.topic] ?? []);
  });
  /** By broker, when it last answered a fetch; what it answered is handled after this. */
  const answeredAt = new Map<number, number>();
  consumer.on('consumer.fetch', ({ payload: { nodeId } }) => {
    const now = performance.now();
    if (now - (answeredAt.get(nodeId) ?? now) > maxWaitOf(options) + longestGapMs) placed = new Set();
    answeredAt.set(nodeId, now);
  });
  return () => ({ placed, soughtFor });
}

async function onBatch(
  options: ConsumerOptions,
  consumer: Consumer,
  { placed, soughtFor }: Places,
  payload: EachBatchPayload,
  signal: AbortSignal,
): Promise<void> {
  const { topic, partition, messages, highWatermark } = payload.batch;
  const first = messages[0];
  const last = messages.at(-1);
  if (!first || !last) return;
  if (!placed.has(partition)) {
    const position = await persist(options.log, payload, signal, () => options.position(partition));
    if (position === gaveUp) return;
    placed.add(partition);
    // Only once for the same position: where its message is gone, a pause after each request would have it requested for ever.
    if (position !== undefined && position !== BigInt(first.offset) && soughtFor.get(partition) !== position) {
      soughtFor.set(partition, position);
      consumer.seek({ topic, partition, offset: String(position) });
      return;
    }
    soughtFor.delete(partition);
  }
  const batch: Batch = { topic, partition, messages, highWatermark: BigInt(highWatermark) };
  const next = await persist(options.log, payload, signal, () => options.handle(batch));
  if (next === gaveUp) return;
  if (next === BigInt(last.offset) + 1n) payload.resolveOffset(last.offset);
  else consumer.seek({ topic, partition, offset: String(next) });
}

const gaveUp = Symbol('gave up');

/** Retries the step until it resolves, keeping the membership alive, or until the partition is no longer assigned to us. */
async function persist<Result>(
  log: Log,
  payload: EachBatchPayload,
  signal: AbortSignal,
  step: () => Promise<Result>,
): Promise<Result | typeof gaveUp> {
  for (
    let pauseMs = 100;
    payload.isRunning() && !payload.isStale() && !signal.aborted;
    pauseMs = Math.min(longestPauseMs, pauseMs * 2)
  ) {
    const beat = setInterval(() => void payload.heartbeat().catch(() => {}), 1_500);
    try {
      return await step();
    } catch (error) {
      log.warn({ err: error, partition: payload.batch.partition }, 'a batch was not stored; it is tried again');
    } finally {
      clearInterval(beat);
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
    await payload.heartbeat();
  }
  return gaveUp;
}
