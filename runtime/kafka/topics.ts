import kafkajs, { type Admin, type ConfigEntries } from 'kafkajs';
import { createKafka, type KafkaOptions } from './client.ts';

/** How a topic must be configured. */
export interface TopicShape {
  readonly topic: string;
  readonly partitions: number;
  /** Replicas of each partition: 1 with one broker, 3 with three. */
  readonly replication: number;
}

const adminTimeoutMs = 10_000;

/** With three replicas a message is acknowledged once two brokers have it: one may be away, and one may be lost. */
const settingsOf = ({ replication }: TopicShape): Readonly<Record<string, string>> => ({
  'min.insync.replicas': replication >= 3 ? '2' : '1',
  // A replica that lags must not become the leader.
  'unclean.leader.election.enable': 'false',
});

/**
 * Kafka stamps messages itself: those of an edge whose clock is more than an hour ahead would be refused forever, and those of one that is
 * days behind deleted early. The times of the clicks are inside the messages.
 */
const stamping = { name: 'message.timestamp.type', value: 'LogAppendTime' } as const;

/** Creates missing topics, adds missing partitions and makes the topics stamp messages; safe to repeat. Rejects when Kafka does not answer. */
export function makeTopics(options: KafkaOptions, shapes: readonly TopicShape[]): Promise<void> {
  return withAdmin(options, async (admin) => {
    const known = new Set(await admin.listTopics());
    const missing = shapes.filter(({ topic }) => !known.has(topic));
    const topics = missing.map((shape) => ({
      topic: shape.topic,
      numPartitions: shape.partitions,
      replicationFactor: shape.replication,
      configEntries: [...Object.entries(settingsOf(shape)).map(([name, value]) => ({ name, value })), stamping],
    }));
    if (topics.length > 0) await admin.createTopics({ topics, waitForLeaders: true, timeout: adminTimeoutMs });
    const found = await admin.fetchTopicMetadata({ topics: shapes.map(({ topic }) => topic) });
    const topicPartitions = shapes
      .filter(({ topic, partitions }) => partitions > partitionsOf(found, topic).length)
      .map(({ topic, partitions }) => ({ topic, count: partitions }));
    if (topicPartitions.length > 0) await admin.createPartitions({ topicPartitions, timeout: adminTimeoutMs });
    for (const { topic } of shapes) await letStamp(admin, topic);
  });
}

/** kafkajs can only set all of a topic's settings at once: the topic's own are sent again unchanged, the broker's defaults are left out. */
async function letStamp(admin: Admin, topic: string): Promise<void> {
  const found = await settingsFound(admin, topic);
  if (found.find(({ configName }) => configName === stamping.name)?.configValue === stamping.value) return;
  const own = found
    .filter(
      ({ configName, configSource }) =>
        configSource === kafkajs.ConfigSource.TOPIC_CONFIG && configName !== stamping.name,
    )
    .map(({ configName: name, configValue: value }) => ({ name, value }));
  const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries: [...own, stamping] };
  await admin.alterConfigs({ validateOnly: false, resources: [resource] });
}

/** The state of a topic. */
export interface TopicState {
  /** 0: there is no such topic. */
  readonly partitions: number;
  /** What is not configured as required, in words. */
  readonly faults: readonly string[];
}

/** Inspects a topic without changing anything: its settings are an operator's to change. Rejects when Kafka does not answer. */
export function readTopic(options: KafkaOptions, shape: TopicShape): Promise<TopicState> {
  return withAdmin(options, async (admin) => {
    const { topic, partitions: wanted, replication } = shape;
    if (!(await admin.listTopics()).includes(topic)) return { partitions: 0, faults: [`There is no topic ${topic}.`] };
    const partitions = partitionsOf(await admin.fetchTopicMetadata({ topics: [topic] }), topic);
    const faults: string[] = [];
    if (partitions.length < wanted) faults.push(`It has ${partitions.length} partitions, not ${wanted}.`);
    const thin = partitions.filter(({ replicas }) => replicas.length < replication);
    if (thin.length > 0) faults.push(`${thin.length} partitions have fewer than ${replication} copies.`);
    const headless = partitions.filter(({ leader }) => leader < 0);
    if (headless.length > 0) faults.push(`${headless.length} partitions have no leader.`);
    const found = new Map(
      (await settingsFound(admin, topic)).map(({ configName, configValue }) => [configName, configValue]),
    );
    for (const [name, value] of Object.entries(settingsOf(shape))) {
      const [is, has] = [found.get(name), value];
      const enough = name === 'min.insync.replicas' ? Number(is) >= Number(has) : is === has;
      if (!enough) faults.push(`${name} is ${is}, not ${has}.`);
    }
    return { partitions: partitions.length, faults };
  });
}

/** Of the oldest message of a partition, and of the one that it will get next; equal: it has none. */
export interface Offsets {
  readonly oldest: bigint;
  readonly next: bigint;
}

/** By partition. Rejects when Kafka does not answer for each of them, and when the signal is aborted. */
export function readOffsets(
  options: KafkaOptions,
  topic: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, Offsets>> {
  const read = async (admin: Admin): Promise<ReadonlyMap<number, Offsets>> => {
    const found = await admin.fetchTopicOffsets(topic);
    return new Map(found.map(({ partition, low, high }) => [partition, { oldest: BigInt(low), next: BigInt(high) }]));
  };
  return withAdmin(options, read, signal);
}

async function settingsFound(admin: Admin, topic: string): Promise<readonly ConfigEntries[]> {
  const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic };
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource] });
  return resources[0]?.configEntries ?? [];
}

type Metadata = Awaited<ReturnType<Admin['fetchTopicMetadata']>>;

function partitionsOf({ topics }: Metadata, name: string): Metadata['topics'][number]['partitions'] {
  return topics.find((topic) => topic.name === name)?.partitions ?? [];
}

async function withAdmin<Result>(
  options: KafkaOptions,
  work: (admin: Admin) => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  const over = new AbortController();
  const signals = signal ? [signal, over.signal] : [over.signal];
  const admin = createKafka(options, { signal: AbortSignal.any(signals) }).admin();
  try {
    await admin.connect();
    const result = await work(admin);
    await admin.disconnect();
    return result;
  } finally {
    // After a failure, to disconnect would be to wait for an answer that may never come.
    over.abort();
  }
}
