import type { Producer } from '#runtime/kafka/producer.ts';
import { packClicks, sendsOf } from './packing/batch.ts';
import type { ClickRows } from './packing/click-rows.ts';
import type { ClicksTopic } from './topic.ts';

interface SendOptions {
  readonly producer: Pick<Producer, 'send'>;
  readonly topic: Pick<ClicksTopic, 'partitions' | 'sending' | 'sent'>;
  readonly clicksTopic: string;
  readonly edgeId: string;
}

/**
 * Tries once to send clicks; resolves when Kafka has acknowledged them all, and rejects when it may have only some. They are packed anew
 * for each try, because the topic's partitions may have changed.
 */
export function createSend({ producer, topic, clicksTopic, edgeId }: SendOptions) {
  return async (clicks: ClickRows): Promise<void> => {
    try {
      for (const messages of sendsOf(packClicks(clicks, { edgeId, partitions: topic.partitions() }))) {
        topic.sending();
        await producer.send(
          clicksTopic,
          messages.map(({ partition, value }) => ({ partition, value })),
        );
      }
    } catch (error) {
      topic.sent(error);
      throw error;
    }
    topic.sent();
  };
}
