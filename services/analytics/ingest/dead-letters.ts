import type { Batch, KafkaMessage } from '#runtime/kafka/consumer.ts';
import type { Producer } from '#runtime/kafka/producer.ts';
import type { Log } from '#runtime/telemetry/log.ts';

interface DeadLetterOptions {
  /** Receives the messages that cannot be stored. */
  readonly dead: Pick<Producer, 'send'>;
  readonly deadTopic: string;
  readonly log: Log;
}

interface DeadMessage {
  readonly message: KafkaMessage;
  readonly reason: string;
}

/** Where messages go that cannot be stored, each once in the lifetime of this process. */
export interface DeadLetters {
  /**
   * To be called before the offset moves: a crash in between leaves a message twice among the dead letters, never lost. What was sent by an
   * earlier try, after which the store did not answer, is not sent again.
   */
  bury(batch: Batch, messages: readonly DeadMessage[]): Promise<void>;
  /** The offset has moved past everything that was sent of the partition. */
  passed(partition: number): void;
}

/** This much of a dead message is kept, so that Kafka accepts it together with its headers. */
const largestDead = 900_000;

export function createDeadLetters({ dead, deadTopic, log }: DeadLetterOptions): DeadLetters {
  /** By partition, what was sent before its offset has moved. Not only offsets: a recreated topic has the same ones. */
  const sent = new Map<number, Set<string>>();
  return {
    async bury({ topic, partition }, messages) {
      const before = sent.get(partition) ?? new Set();
      for (const { message, reason } of messages) {
        const { offset, timestamp } = message;
        const name = `${offset} ${timestamp}`;
        if (before.has(name)) continue;
        const where = { topic, partition: String(partition), offset };
        log.error({ ...where, reason }, 'a message goes to the dead-letter topic');
        const value = message.value?.subarray(0, largestDead) ?? null;
        await dead.send(deadTopic, [{ value, headers: { ...where, reason } }]);
        sent.set(partition, before.add(name));
      }
    },
    passed: (partition) => void sent.delete(partition),
  };
}
