import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { isLookalike } from '#runtime/shortlink/code-filter.ts';
import { createCodeKey } from '#runtime/shortlink/code-space.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { createCodeSource } from '../codes/code-blocks.ts';
import { postgresStore } from '../store.postgres.ts';
import { newLink } from '../testing/links.ts';
import { createLinks } from './links.ts';

test.each([
  {
    alias: 'LooksSo',
    lookalikeDelayMs: 500,
    writeMs: 0,
    when: 'the filters have learnt an alias that looks generated',
  },
  { alias: 'spring-sale', lookalikeDelayMs: 0, writeMs: 300, when: 'Redis has the link' },
])('of twins none is answered before $when', async ({ alias, lookalikeDelayMs, writeMs }) => {
  const database = await postgresFor('link');
  const pool = database.openPool();
  const store = postgresStore(pool);
  const key = createCodeKey({ id: 1, secret: randomBytes(32) });
  const codes = createCodeSource({ store, keys: [key], blockSize: 100, announceMs: 0 });
  const writeToCache = () => sleep(writeMs);
  const links = createLinks({ store, codes, writeToCache, cacheWriteMs: 20 + writeMs, lookalikeDelayMs });
  const link = newLink({ workspaceId: randomUUID() });
  const startedAt = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const { replayed } = await links.create(link, alias, { key: 'twins', requestHash: Buffer.alloc(32) });
      return { replayed, afterMs: performance.now() - startedAt };
    }),
  );
  expect(answers.filter(({ replayed }) => replayed).length).toBe(2);
  for (const { afterMs } of answers) expect(afterMs).toBeGreaterThanOrEqual(lookalikeDelayMs + writeMs);
  await database.drop();
});

test('a link that gets an alias that looks generated is told of as such, and answered when the filters have learnt it', async () => {
  const database = await postgresFor('link');
  const store = postgresStore(database.openPool());
  const key = createCodeKey({ id: 1, secret: randomBytes(32) });
  const codes = createCodeSource({ store, keys: [key], blockSize: 100, announceMs: 0 });
  await codes.open();
  const delays = { cacheWriteMs: 20, lookalikeDelayMs: 300 };
  const links = createLinks({ store, codes, writeToCache: async () => {}, ...delays });
  const workspaceId = randomUUID();
  const { record } = await links.create(newLink({ workspaceId }), undefined);
  expect(isLookalike(record)).toBe(false);
  const startedAt = performance.now();
  const renamed = await links.update({ workspaceId, key: record }, { alias: 'LooksSo' });
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(300);
  expect(isLookalike(renamed)).toBe(true);
  await database.drop();
});
