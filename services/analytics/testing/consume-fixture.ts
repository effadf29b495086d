import { beforeEach } from 'vitest';
import type { Batch, KafkaMessage } from '#runtime/kafka/consumer.ts';
import type { Message } from '#runtime/kafka/producer.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { createConsume } from '../ingest/consume.ts';
import { createLag } from '../ingest/lag.ts';
import { encodeClicks, testClick } from './clicks.ts';
import { newPartition, type TestStore, useTestStore } from './test-store.ts';

type ConsumeOptions = Parameters<typeof createConsume>[0];

interface TestConsume extends TestStore {
  /** Of the current test, which may go over to another one. */
  partition: number;
  /** What the current test has sent to the dead letters. */
  buried: Message[];
  /** A process that begins to consume, with at most ten clicks in a transaction. */
  consume(changes?: Partial<ConsumeOptions>): ReturnType<typeof createConsume>;
  /** What Kafka answers of the partition, to whose end these messages are unless told otherwise. */
  fetched(messages: readonly KafkaMessage[], highWatermark?: number): Batch;
  countOf(linkId: string): Promise<number>;
}

/** What consumes without a Kafka, on the stores of a database of its own; to be called at the top of a file. */
export function useConsume(): TestConsume {
  const dead = { send: async (_topic: string, messages: readonly Message[]) => void on.buried.push(...messages) };
  const lag = createLag();
  const on: TestConsume = Object.assign(useTestStore(), {
    partition: 0,
    buried: [],
    consume: (changes: Partial<ConsumeOptions> = {}) => {
      const usual = { dead, deadTopic: 'dead', log: silentLog, batchClicks: 10, retentionDays: 400, lag };
      return createConsume({ store: on.store, ...usual, ...changes });
    },
    fetched: (messages: readonly KafkaMessage[], highWatermark?: number) => {
      const end = Number(messages.at(-1)?.offset ?? -1) + 1;
      return { topic: 'clicks', partition: on.partition, messages, highWatermark: BigInt(highWatermark ?? end) };
    },
    countOf: async (linkId: string) => (await on.stats.totals([linkId])).get(linkId) ?? 0,
  });
  beforeEach(() => {
    on.partition = newPartition();
    on.buried = [];
  });
  return on;
}

export function message(offset: number, value: Buffer | null): KafkaMessage {
  return { key: null, value, timestamp: '0', attributes: 0, offset: String(offset), headers: {} };
}

export function clicksOf(linkId: string, count: number): Buffer {
  return encodeClicks(Array.from({ length: count }, () => testClick({ linkId })));
}
