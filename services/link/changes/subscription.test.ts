import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ChangeKind, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { lookSize } from './change-log.ts';
import { createSubscription, type WatchEvent } from './subscription.ts';

const letter = '\u{1d49c}';
const largest = create(LinkRecordSchema, {
  destination: 'https://example.com/'.padEnd(8_192, 'x'),
  title: letter.repeat(256),
  tags: Array.from({ length: 32 }, () => letter.repeat(64)),
});
const change = { seq: 1n, kind: ChangeKind.UPDATED, record: largest, previousCode: '', changedAt: new Date() };
const changes = (count: number): WatchEvent[] => Array.from({ length: count }, () => ({ type: 'change', change }));

test('a watcher loses what waits for it once that has more than 32 MiB, however few changes they are', async () => {
  const subscription = createSubscription(20_000);
  for (let time = 0; time < 3; time++) {
    subscription.push(changes(1_000));
    expect(await subscription.take()).toHaveLength(1_000);
  }
  subscription.push(changes(1_000));
  subscription.push(changes(1_000));
  await expect(subscription.take()).rejects.toMatchObject({ reason: 'SUBSCRIBER_TOO_SLOW' });
});

test('a watcher that keeps up loses nothing of a reading, however large its changes are', async () => {
  const subscription = createSubscription(20_000);
  // One more shows that there are more.
  subscription.push(changes(lookSize + 1));
  expect(await subscription.take()).toHaveLength(lookSize + 1);
});
