import { afterAll, beforeAll } from 'vitest';
import { createProducer, type Producer } from '#runtime/kafka/producer.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { startKafka, type TestKafka } from '#runtime/testing/kafka.ts';
import type { AnalyticsConfig } from '../config.ts';
import { type TestStore, useTestStore } from './test-store.ts';

const deadTopic = 'dead';

export interface ClickPath extends TestStore {
  readonly kafka: TestKafka;
  readonly producer: Producer;
}

/** From a producer over Kafka to the stores, for the tests of a suite, which is skipped where Kafka is not installed. Empty until they run. */
export function useClickPath(): ClickPath {
  const path = useTestStore() as ClickPath;
  beforeAll(async () => {
    const kafka = await startKafka();
    const producer = createProducer({ brokers: kafka.brokers, clientId: 'test', log: silentLog });
    Object.assign(path, { kafka, producer });
    await kafka.createTopic(deadTopic, 1);
  });
  afterAll(async () => {
    await path.producer.close();
    await path.kafka.stop();
  });
  return path;
}

/** Of a process that reads a topic, in a group of the same name. */
export function readerConfig(kafkaBrokers: readonly string[], clicksTopic: string): AnalyticsConfig {
  const ours = { kafkaBrokers, instance: 'analytics', clicksTopic, deadTopic, consumerGroup: clicksTopic };
  return { ...ours, batchClicks: 100, retentionDays: 400, fetchWaitMs: 20 } as unknown as AnalyticsConfig;
}
