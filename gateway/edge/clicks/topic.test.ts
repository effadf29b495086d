import { afterEach, expect, test } from 'vitest';
import type { TopicState } from '#runtime/kafka/topics.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { createClicksTopic } from './topic.ts';

const shape = { topic: 'clicks', partitions: 6, replication: 3 };
const well: TopicState = { partitions: 6, faults: [] };
let stopping = new AbortController();
afterEach(() => stopping.abort());

function start(answer: TopicState | Error) {
  stopping = new AbortController();
  const kafka = { looks: 0, answer };
  const read = async (): Promise<TopicState> => {
    kafka.looks++;
    if (kafka.answer instanceof Error) throw kafka.answer;
    return kafka.answer;
  };
  const clock = { ms: 0 };
  const topic = createClicksTopic({ shape, read, log: silentLog, againMs: 2, now: () => clock.ms });
  void topic.keep(stopping.signal);
  return { topic, kafka, clock };
}

test('a partition that is missing gets no clicks until it is there, and the check says so', async () => {
  const { topic, kafka } = start({ partitions: 2, faults: ['It has 2 partitions, not 6.'] });
  expect(topic.partitions()).toBe(6);
  await waitFor(() => topic.partitions() === 2);
  await expect(topic.check()).rejects.toThrow('2 partitions');
  kafka.answer = well;
  await waitFor(() => topic.partitions() === 6);
  await topic.check();
});

test('more partitions than were said change nothing: a link stays in its own', async () => {
  const { topic, kafka } = start({ partitions: 12, faults: [] });
  await waitFor(() => kafka.looks > 0);
  expect(topic.partitions()).toBe(6);
});

test('while Kafka is away nothing is known, and it is asked again', async () => {
  const { topic, kafka } = start(new Error('away'));
  await waitFor(() => kafka.looks >= 3);
  expect(topic.partitions()).toBe(6);
  kafka.answer = { partitions: 4, faults: ['It has 4 partitions, not 6.'] };
  await waitFor(() => topic.partitions() === 4);
});

test('a send that failed makes the check fail until one succeeds, and the topic looked at', async () => {
  const { topic, kafka } = start(well);
  await waitFor(() => kafka.looks === 1);
  topic.sent(new Error('not enough replicas'));
  await expect(topic.check()).rejects.toThrow('does not take');
  await waitFor(() => kafka.looks > 1);
  topic.sent();
  await topic.check();
});

test('a send that Kafka neither takes nor refuses makes the check fail after three seconds', async () => {
  const { topic, clock } = start(well);
  topic.sending();
  clock.ms = 3_000;
  await topic.check();
  clock.ms = 3_001;
  await expect(topic.check()).rejects.toThrow('does not take');
  topic.sent();
  await topic.check();
  clock.ms = 60_000;
  topic.sending();
  await topic.check();
});
