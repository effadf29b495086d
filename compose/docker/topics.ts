// Creates missing topics and adds missing partitions, on an external Kafka.
import { type ConfigOf, defineConfig } from '#runtime/config/config.ts';
import { kafkaAccess, kafkaConfig } from '#runtime/kafka/config.ts';
import { makeTopics } from '#runtime/kafka/topics.ts';
import { mainConfig } from '#runtime/rpc/serve.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { edgeConfig } from '../../gateway/edge/config.ts';
import { analyticsConfig } from '../../services/analytics/config.ts';

/** Names and partitions use the variables and defaults of the processes that write and read the topics. */
export const topicsConfig = defineConfig({
  ...kafkaConfig,
  replication: edgeConfig.kafkaReplication,
  clicksTopic: edgeConfig.clicksTopic,
  clicksPartitions: edgeConfig.clicksPartitions,
  deadTopic: analyticsConfig.deadTopic,
});

export async function makeClickTopics(config: ConfigOf<typeof topicsConfig>): Promise<void> {
  const { replication, clicksTopic, clicksPartitions, deadTopic } = config;
  const log = createLog({ instance: 'topics', logLevel: 'warn' });
  await makeTopics({ ...kafkaAccess(config), clientId: 'hopline-topics', log }, [
    { topic: clicksTopic, partitions: clicksPartitions, replication },
    { topic: deadTopic, partitions: 1, replication },
  ]);
}

if (import.meta.main) await makeClickTopics(mainConfig(topicsConfig));
