import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../telemetry/log.ts';
import { startHangingBroker } from '../testing/hanging-broker.ts';
import { kafkaIsInstalled, startKafka, type TestKafka } from '../testing/kafka.ts';
import { waitFor } from '../testing/wait-for.ts';
import { createKafka } from './client.ts';
import { makeTopics, readOffsets, readTopic } from './topics.ts';

describe.skipIf(!kafkaIsInstalled())('topics (skipped where Kafka is not installed)', () => {
  let kafka: TestKafka;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka?.stop());
  const options = () => ({ brokers: kafka.brokers, clientId: 'topics', log: silentLog });

  it('are made with their settings, once and again, and widened', async () => {
    const shape = { topic: 'made', partitions: 2, replication: 1 };
    await makeTopics(options(), [shape]);
    await makeTopics(options(), [shape]);
    expect(await readTopic(options(), shape)).toEqual({ partitions: 2, faults: [] });
    const wider = { ...shape, partitions: 5 };
    expect(await readTopic(options(), wider)).toEqual({ partitions: 2, faults: ['It has 2 partitions, not 5.'] });
    await makeTopics(options(), [wider]);
    expect(await readTopic(options(), wider)).toEqual({ partitions: 5, faults: [] });
  });

  it('take messages of a sender whose clock is hours ahead, and stamp them themselves', async () => {
    await makeTopics(options(), [{ topic: 'ahead', partitions: 1, replication: 1 }]);
    const producer = createKafka(options()).producer();
    await producer.connect();
    const timestamp = String(Date.now() + 12 * 3_600_000);
    const sent = await producer.send({ topic: 'ahead', acks: -1, messages: [{ value: 'a', timestamp }] });
    await producer.disconnect();
    expect(sent[0]).toMatchObject({ errorCode: 0 });
    expect(Number(sent[0]?.logAppendTime)).toBeLessThan(Number(timestamp) - 3_600_000);
  });

  it('that were made before they stamped messages do from then on, and keep the settings that somebody gave them', async () => {
    const topic = 'older';
    const admin = createKafka(options()).admin();
    await admin.connect();
    const given = { 'retention.ms': '7200000', 'message.timestamp.type': 'CreateTime', 'cleanup.policy': 'delete' };
    const configEntries = Object.entries(given).map(([name, value]) => ({ name, value }));
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1, configEntries }] });
    const settings = async () => {
      const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }];
      const described = await admin.describeConfigs({ includeSynonyms: false, resources });
      return described.resources[0]?.configEntries.map(({ configName, configValue, configSource }) => [
        configName,
        configValue,
        configSource,
      ]);
    };
    const before = await settings();
    await makeTopics(options(), [{ topic, partitions: 1, replication: 1 }]);
    const stamping = 'message.timestamp.type';
    expect(await settings()).toEqual(
      before?.map(([name, ...rest]) => (name === stamping ? [name, 'LogAppendTime', 1] : [name, ...rest])),
    );
    await makeTopics(options(), [{ topic, partitions: 1, replication: 1 }]);
    await admin.disconnect();
  });

  it('that are not there, or have too few copies, are told apart', async () => {
    const missing = { topic: 'missing', partitions: 1, replication: 1 };
    expect(await readTopic(options(), missing)).toEqual({ partitions: 0, faults: ['There is no topic missing.'] });
    await kafka.createTopic('thin', 1);
    const { faults } = await readTopic(options(), { topic: 'thin', partitions: 1, replication: 3 });
    expect(faults).toEqual(['1 partitions have fewer than 3 copies.', 'min.insync.replicas is 1, not 2.']);
  });
});

it('a broker that does not answer keeps nobody waiting who gives up, nor a connection', async () => {
  const hanging = await startHangingBroker();
  onTestFinished(hanging.close);
  const over = new AbortController();
  const options = { brokers: [hanging.address], clientId: 'topics', log: silentLog };
  const offsets = readOffsets(options, 'any', over.signal);
  await waitFor(() => hanging.connections() > 0);
  over.abort();
  await expect(offsets).rejects.toThrow();
  await waitFor(() => hanging.connections() === 0);
});
