import { kafkaAccess } from '#runtime/kafka/config.ts';
import { createConsumer, createProducer } from '#runtime/kafka/kafka.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { AnalyticsConfig } from '../config.ts';
import type { ClickStore } from '../store.ts';
import { createConsume } from './consume.ts';
import { createLag } from './lag.ts';

/** Partitions whose clicks are read at once, and stored together when they wait for each other; fewer than may wait for a connection. */
const concurrency = 8;

/** Reads the clicks topic into the store until it is closed. */
export function startIngest(config: AnalyticsConfig, store: ClickStore, log: Log): { close(): Promise<void> } {
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
  return {
    async close() {
      await consumer.close();
      await dead.close();
    },
  };
}
