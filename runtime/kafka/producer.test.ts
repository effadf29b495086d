import Cluster from 'kafkajs/src/cluster/index.js';
import { expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../telemetry/log.ts';
import { createProducer } from './kafka.ts';

interface ProduceRequest {
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number }[];
  }[];
}

/** Two brokers without a network between them and kafkajs, so that a test can say when each answers. They lead a partition each. */
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
  const methods: Partial<Cluster> = {
    connect: done,
    disconnect: done,
    isConnected: () => true,
    addMultipleTargetTopics: done,
    refreshMetadata: done,
    refreshMetadataIfNecessary: done,
    findTopicPartitionMetadata: () => leaders.map((leader, partitionId) => ({ partitionId, leader })),
    findBroker: async ({ nodeId }) => brokers[Number(nodeId)],
  };
  const before = Object.getOwnPropertyDescriptors(Cluster.prototype);
  Object.assign(Cluster.prototype, methods);
  onTestFinished(() => void Object.defineProperties(Cluster.prototype, before));
  return { written, leaders, answer };
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
  const producer = createProducer({ brokers: ['nobody:1'], clientId: 'test', log: silentLog });
  const messages = [0, 1].map((partition) => ({ value: String(partition), partition }));
  const isSent = (): Promise<boolean> =>
    producer.send('clicks', messages).then(
      () => true,
      () => false,
    );
  for (let tries = 0; !(await isSent()); tries++) expect(tries).toBeLessThan(3);
  expect([...written].sort()).toEqual([0, 1]);
  await producer.close();
});
