// Makes the topics that do not exist and widens those with too few partitions, on a Kafka that listens somewhere else.
import { type ConfigOf, defineConfig, int, list } from '#runtime/config/config.ts';
import { createKafka } from '#runtime/kafka/client.ts';
import { mainConfig } from '#runtime/rpc/serve.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { edgeConfig } from '../../gateway/edge/config.ts';
import { analyticsConfig } from '../../services/analytics/config.ts';

const ADMIN_TIMEOUT_MS = 10_000;

/** Names and partitions are the variables, and the defaults, of those who write and read the topics. */
const topicsConfig = defineConfig({
  brokers: list('HOP_KAFKA_BROKERS'),
  /** Copies of each partition. With three or more, a click is acknowledged once two brokers have it. */
  replication: int('HOP_KAFKA_REPLICATION', { min: 1, max: 9, default: 1 }),
  clicksTopic: edgeConfig.clicksTopic,
  clicksPartitions: edgeConfig.clicksPartitions,
  deadTopic: analyticsConfig.deadTopic,
});

export async function makeTopics(config: ConfigOf<typeof topicsConfig>): Promise<void> {
  const { brokers, replication, clicksTopic, clicksPartitions, deadTopic } = config;
  const wanted = new Map([
    [clicksTopic, clicksPartitions],
    [deadTopic, 1],
  ]);
  const log = createLog({ instance: 'topics', logLevel: 'warn' });
  const admin = createKafka({ brokers, clientId: 'hopline-topics', log }).admin();
  await admin.connect();
  try {
    const known = new Set(await admin.listTopics());
    const configEntries = replication >= 3 ? [{ name: 'min.insync.replicas', value: '2' }] : [];
    const missing = [...wanted]
      .filter(([topic]) => !known.has(topic))
      .map(([topic, numPartitions]) => ({ topic, numPartitions, replicationFactor: replication, configEntries }));
    if (missing.length > 0)
      await admin.createTopics({ topics: missing, waitForLeaders: true, timeout: ADMIN_TIMEOUT_MS });
    const { topics } = await admin.fetchTopicMetadata({ topics: [...wanted.keys()] });
    const topicPartitions = topics
      .filter(({ name, partitions }) => partitions.length < (wanted.get(name) ?? 1))
      .map(({ name }) => ({ topic: name, count: wanted.get(name) ?? 1 }));
    if (topicPartitions.length > 0) await admin.createPartitions({ topicPartitions, timeout: ADMIN_TIMEOUT_MS });
  } finally {
    await admin.disconnect();
  }
}

if (import.meta.main) await makeTopics(mainConfig(topicsConfig));
