import { kafkaAccess } from '#runtime/kafka/config.ts';
import { createConsumer } from '#runtime/kafka/consumer.ts';
import { createProducer } from '#runtime/kafka/producer.ts';
import { readOffsets } from '#runtime/kafka/topics.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { AnalyticsConfig } from '../config.ts';
import type { ClickStore } from '../store.ts';
import { createConsume } from './consume.ts';
import { createLag } from './lag.ts';
import { createUnreadWatch, type UnreadTiming } from './unread.ts';

/** Partitions whose clicks are read at once, and stored together when they wait for each other; fewer than may wait for a connection. */
const concurrency = 8;

interface Ingest {
  /** Rejects while clicks in Kafka are not read, whoever should do it, or Kafka does not say whether there are any. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** Reads the clicks topic into the store until it is closed. */
export function startIngest(config: AnalyticsConfig, store: ClickStore, log: Log, timing?: UnreadTiming): Ingest {
  const kafka = { ...kafkaAccess(config), clientId: config.instance, log };
  const { clicksTopic: topic, deadTopic, batchClicks, retentionDays } = config;
  const dead = createProducer(kafka);
  const lag = createLag();
  const consumer = createConsumer({
    ...kafka,
    groupId: config.consumerGroup,
    topic,
    // One before: the first message read shows whether this is still the log to which the position belongs.
    position: async (partition) => {
      const next = await lag.whileWaiting(partition, () => store.position(topic, partition));
      return next === undefined || next === 0n ? next : next - 1n;
    },
    handle: createConsume({ store, dead, deadTopic, log, batchClicks, retentionDays, lag }),
    assigned: lag.assigned,
    maxWaitMs: config.fetchWaitMs,
    concurrency,
  });
  const unread = createUnreadWatch({
    offsets: (signal) => readOffsets(kafka, topic, signal),
    positions: () => store.positions(topic),
    isWaiting: lag.isWaiting,
    ...timing,
  });
  const stopping = new AbortController();
  const watching = unread.keep(stopping.signal);
  return {
    check: unread.check,
    async close() {
      stopping.abort();
      await consumer.close();
      await dead.close();
      await watching;
    },
  };
}
