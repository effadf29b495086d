import { randomBytes } from 'node:crypto';
import { setImmediate as turnEnds } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClickBatchSchema } from '#gen/event/v1/click_pb.ts';
import { createConsumer } from '#runtime/kafka/consumer.ts';
import { createProducer } from '#runtime/kafka/producer.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { kafkaIsInstalled, startKafka, type TestKafka } from '#runtime/testing/kafka.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import type { Click } from './click.ts';
import { nowhere } from './enrichment/geo.ts';
import { ClickRows } from './packing/click-rows.ts';
import { createSend } from './send.ts';

const topicName = 'clicks';

/** Of one link, with a referrer that somebody made up, and no two alike: they can hardly be packed. */
function madeUpClick(): Click {
  return {
    atUs: 1_764_000_000_000_000,
    requestId: randomBytes(16).toString('hex'),
    link: {
      linkId: '0192f0c1-2222-7333-8444-555566667777',
      workspaceId: '0192f0c1-aaaa-7bbb-8ccc-ddddeeeeffff',
      linkVersion: 1n,
      tier: 1,
      domain: 'localhost',
      code: 'abc1234',
    },
    status: 302,
    flags: 0,
    visitor: randomBytes(8).readBigUInt64LE(),
    referrerHost: randomBytes(192).toString('base64url').slice(0, 255),
    place: nowhere,
    agent: { bot: false, device: 'desktop', browser: '', operatingSystem: '' },
    language: '',
    traceparent: '',
  };
}

it('is over when Kafka has acknowledged it, and tells the topic how it went', async () => {
  const kafka = Promise.withResolvers<void>();
  const told: unknown[] = [];
  const topic = {
    partitions: () => 1,
    sending: () => void told.push('sending'),
    sent: (...failure: unknown[]) => void told.push(failure),
  };
  const clicks = ClickRows.of([madeUpClick()]);
  const options = { topic, clicksTopic: topicName, edgeId: 'edge-1' };
  const send = createSend({ ...options, producer: { send: () => kafka.promise } });
  const sending = send(clicks).then(() => told.push('over'));
  await turnEnds();
  expect(told.splice(0)).toEqual(['sending']);
  kafka.resolve();
  await sending;
  expect(told.splice(0)).toEqual([[], 'over']);
  const away = new Error('Kafka is away');
  const failing = createSend({ ...options, producer: { send: () => Promise.reject(away) } });
  await expect(failing(clicks)).rejects.toBe(away);
  expect(told).toEqual(['sending', [away]]);
});

describe.skipIf(!kafkaIsInstalled())('a send to Kafka', () => {
  let kafka: TestKafka;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka.stop());

  it('is taken however long the texts of a link are, all of whose clicks go to one partition', async () => {
    await kafka.createTopic(topicName, 1);
    const client = { brokers: kafka.brokers, clientId: 'test', log: silentLog };
    const producer = createProducer(client);
    const failures: unknown[] = [];
    const topic = {
      partitions: () => 1,
      sending: () => {},
      sent: (failure?: unknown) => {
        if (failure !== undefined) failures.push(failure);
      },
    };
    const clicks = ClickRows.of(Array.from({ length: 8_000 }, madeUpClick));
    await createSend({ producer, topic, clicksTopic: topicName, edgeId: 'edge-1' })(clicks);
    expect(failures).toEqual([]);
    let read = 0;
    const consumer = createConsumer({
      ...client,
      groupId: 'test',
      topic: topicName,
      position: async () => undefined,
      async handle({ messages }) {
        for (const { value } of messages) read += fromBinary(ClickBatchSchema, value ?? Buffer.alloc(0)).atUs.length;
        return BigInt(messages.at(-1)?.offset ?? -1) + 1n;
      },
    });
    await waitFor(() => read >= clicks.length, { timeoutMs: 20_000, what: 'all clicks' });
    await consumer.close();
    await producer.close();
    expect(read).toBe(clicks.length);
  });
});
