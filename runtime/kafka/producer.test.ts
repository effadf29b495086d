import Cluster from 'kafkajs/src/cluster/index.js';
import { expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../telemetry/log.ts';
import { createProducer, type Producer } from './producer.ts';

interface ProduceRequest {
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number }[];
  }[];
}

/**
 * Two brokers without a network between them and kafkajs, so that a test can say when each answers. They lead a partition each. kafkajs
 * learns of new leaders when it connects, and when it asks by itself.
 */
function twoBrokers() {
  const written = new Set<number>();
  const leaders = [0, 1];
  const answer = [async (): Promise<void> => {}, async (): Promise<void> => {}];
  const brokers = answer.map((_, nodeId) => ({
    nodeId,
    async produce({ topicData }: ProduceRequest) {
      await answer[nodeId]?.();
      for (const { partitions } of topicData) for (const { partition } of partitions) written.add(partition);
      return {
        topics: topicData.map(({ topic, partitions }) => ({
          topicName: topic,
          partitions: partitions.map(({ partition }) => ({ partition, errorCode: 0 })),
        })),
      };
    },
  }));
  const done = async (): Promise<void> => {};
  const known = new WeakMap<object, readonly number[]>();
  const methods: Partial<Cluster> = {
    async connect() {
      if (!known.has(this)) known.set(this, [...leaders]);
    },
    disconnect: done,
    isConnected: () => true,
    addMultipleTargetTopics: done,
    async refreshMetadata() {
      known.set(this, [...leaders]);
    },
    refreshMetadataIfNecessary: done,
    findTopicPartitionMetadata() {
      return (known.get(this) ?? []).map((leader, partitionId) => ({ partitionId, leader }));
    },
    findBroker: async ({ nodeId }) => brokers[Number(nodeId)],
  };
  const before = Object.getOwnPropertyDescriptors(Cluster.prototype);
  Object.assign(Cluster.prototype, methods);
  onTestFinished(() => void Object.defineProperties(Cluster.prototype, before));
  return { written, leaders, answer };
}

const messages = [0, 1].map((partition) => ({ value: String(partition), partition }));

function producer(): Producer {
  const made = createProducer({ brokers: ['nobody:1'], clientId: 'test', log: silentLog });
  onTestFinished(() => made.close());
  return made;
}

async function sendUntilAcknowledged(sending: Producer): Promise<void> {
  const isSent = (): Promise<boolean> =>
    sending.send('clicks', messages).then(
      () => true,
      () => false,
    );
  for (let tries = 0; !(await isSent()); tries++) expect(tries).toBeLessThan(3);
}

it('does not resolve before a partition is written whose leader changed during the send', async () => {
  const { written, leaders, answer } = twoBrokers();
  const secondAnswered = Promise.withResolvers<void>();
  answer[1] = async () => void setImmediate(secondAnswered.resolve);
  answer[0] = async () => {
    await secondAnswered.promise;
    leaders[0] = 1;
    throw Object.assign(new Error('not the leader'), { type: 'NOT_LEADER_FOR_PARTITION', retriable: true });
  };
  await sendUntilAcknowledged(producer());
  expect([...written].sort()).toEqual([0, 1]);
});

it('asks anew who leads a partition after a broker did not answer', async () => {
  const { written, leaders, answer } = twoBrokers();
  answer[0] = async () => {
    leaders[0] = 1;
    throw Object.assign(new Error('timed out'), { name: 'KafkaJSRequestTimeoutError', retriable: true });
  };
  await sendUntilAcknowledged(producer());
  expect([...written].sort()).toEqual([0, 1]);
});
