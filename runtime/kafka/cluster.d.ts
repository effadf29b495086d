/** The part of kafkajs that producer.test.ts replaces; it has no types of its own. */
declare module 'kafkajs/src/cluster/index.js' {
  export default class Cluster {
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    isConnected(): boolean;
    addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
    refreshMetadata(): Promise<void>;
    refreshMetadataIfNecessary(): Promise<void>;
    findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number; readonly leader: number }[];
    findBroker(node: { readonly nodeId: string }): Promise<unknown>;
  }
}
