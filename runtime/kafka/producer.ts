import kafkajs, { type Producer as KafkaProducer, type Message, type RecordMetadata } from 'kafkajs';
import { unavailable } from '../errors/errors.ts';
import { counter, histogram } from '../telemetry/metrics.ts';
import { metric } from '../telemetry/schema.ts';
import { createKafka, type KafkaOptions } from './client.ts';

export type { Message } from 'kafkajs';

export interface Producer {
  /**
   * Resolves once all in-sync replicas have the messages. Sends are made one after the other, and each is tried once. Rejects with
   * UNAVAILABLE when Kafka does not accept them; they may have been written all the same, so a reader deduplicates by their ids.
   */
  send(topic: string, messages: readonly Message[]): Promise<void>;
  close(): Promise<void>;
}

interface ProducerOptions extends KafkaOptions {
  /** How many sends may wait behind the one in flight (default 16). */
  readonly maxWaiting?: number;
}

const messagesSent = counter(metric.kafkaMessages);
const sendDuration = histogram(metric.kafkaSendDuration);

/**
 * acks from all, one send in flight, not idempotent: with kafkajs, a lost acknowledgement together with a second send in flight loses
 * acknowledged messages. Connects on first use, and anew after each failure.
 */
export function createProducer(options: ProducerOptions): Producer {
  const { log, maxWaiting = 16 } = options;
  let connected: Client | undefined;
  let closed = false;
  let waiting = 0;
  let tail: Promise<unknown> = Promise.resolve();

  async function sendNow(topic: string, messages: readonly Message[]): Promise<void> {
    const startedAt = performance.now();
    const client = connected ?? newClient(options);
    const { producer } = client;
    connected = undefined;
    try {
      await producer.connect();
      const written = await producer.send({
        topic,
        messages: [...messages],
        acks: -1,
        timeout: 10_000,
        compression: kafkajs.CompressionTypes.ZSTD,
      });
      const missing = unwritten(topic, messages, written);
      if (missing.size > 0) throw new Error(`kafkajs knows no partition ${[...missing].join()} of ${topic}`);
      connected = client;
      messagesSent.add(messages.length, { topic, outcome: 'acknowledged' });
      sendDuration.record((performance.now() - startedAt) / 1_000, { topic });
    } catch (error) {
      messagesSent.add(messages.length, { topic, outcome: 'failed' });
      log.warn({ err: error, topic }, 'Kafka did not acknowledge');
      // To disconnect would be to wait for an answer that may never come.
      client.giveUp();
      throw unavailable('DEPENDENCY_UNAVAILABLE', 'Kafka does not answer.', 1_000, error);
    }
  }

  return {
    async send(topic, messages) {
      if (closed) throw unavailable('SHUTTING_DOWN', 'The producer is closed.', 0);
      if (waiting > maxWaiting) throw unavailable('OVERLOADED', 'Too many sends wait for Kafka.', 1_000);
      waiting++;
      const sent = tail.then(() => sendNow(topic, messages)).finally(() => waiting--);
      tail = sent.catch(() => {});
      return sent;
    },
    async close() {
      closed = true;
      await tail;
      await connected?.producer.disconnect();
    },
  };
}

interface Client {
  readonly producer: KafkaProducer;
  giveUp(): void;
}

function newClient(options: KafkaOptions): Client {
  const over = new AbortController();
  const producer = createKafka(options, { retries: 0, signal: over.signal }).producer({
    allowAutoTopicCreation: false,
    idempotent: false,
    maxInFlightRequests: 1,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    // A retry of kafkajs leaves out every broker that answered an earlier try, even if it leads more partitions by then.
    retry: { retries: 0 },
  });
  return { producer, giveUp: () => over.abort() };
}

/** kafkajs drops messages silently when they are for a partition that it does not know of: it may have been added minutes ago. */
function unwritten(topic: string, messages: readonly Message[], written: readonly RecordMetadata[]): Set<number> {
  const missing = new Set(messages.flatMap(({ partition }) => partition ?? []));
  for (const { topicName, partition } of written) if (topicName === topic) missing.delete(partition);
  return missing;
}
