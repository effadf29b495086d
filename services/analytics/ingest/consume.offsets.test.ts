import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { clicksOf, message, useConsume } from '../testing/consume-fixture.ts';

const on = useConsume();

test('what is fetched again is not counted again', async () => {
  const linkId = randomUUID();
  const messages = [0, 1, 2].map((offset) => message(offset, clicksOf(linkId, 3)));
  expect(await on.consume()(on.fetched(messages.slice(0, 2)))).toBe(2n);
  expect(await on.consume()(on.fetched(messages))).toBe(3n);
  expect(await on.consume()(on.fetched(messages.slice(0, 1), 3))).toBe(3n);
  expect(await on.countOf(linkId)).toBe(9);
});

test('a fetch that goes on where the last one ended asks the store for nothing, and one that was overtaken asks', async () => {
  const linkId = randomUUID();
  let asked = 0;
  const counted = {
    ...on.store,
    position: (...of: Parameters<typeof on.store.position>) => {
      asked++;
      return on.store.position(...of);
    },
  };
  const consume = on.consume({ store: counted });
  const messages = [0, 1, 2, 3].map((offset) => message(offset, clicksOf(linkId, 3)));
  const part = (from: number, to: number) => on.fetched(messages.slice(from, to));
  expect(await consume(part(0, 1))).toBe(1n);
  expect(await consume(part(1, 2))).toBe(2n);
  expect(asked).toBe(1);
  expect(await on.consume()(part(1, 4))).toBe(4n);
  expect(await consume(part(2, 3))).toBe(4n);
  expect(asked).toBe(2);
  // As after an assignment.
  expect(await consume(part(3, 4))).toBe(4n);
  expect(asked).toBe(3);
  expect(await on.countOf(linkId)).toBe(12);
});

test('a store that fails between transactions loses and doubles nothing', async () => {
  const linkId = randomUUID();
  let takes = 0;
  const failing = {
    ...on.store,
    take: async (delivery: Parameters<typeof on.store.take>[0]) => {
      if (++takes === 2) throw new Error('Connection terminated');
      const taken = await on.store.take(delivery);
      // The commit was made, its answer was lost.
      if (takes === 3) throw new Error('Connection terminated');
      return taken;
    },
  };
  const consume = on.consume({ store: failing });
  const batch = on.fetched([0, 1, 2].map((offset) => message(offset, clicksOf(linkId, 10))));
  await expect(consume(batch)).rejects.toThrow();
  await expect(consume(batch)).rejects.toThrow();
  expect(await consume(batch)).toBe(3n);
  expect(await on.countOf(linkId)).toBe(30);
});

test('a zombie is told where the other one is, and changes nothing', async () => {
  const linkId = randomUUID();
  const messages = [0, 1, 2].map((offset) => message(offset, clicksOf(linkId, 10)));
  let other: Promise<bigint> | undefined;
  const slow = {
    ...on.store,
    take: async (delivery: Parameters<typeof on.store.take>[0]) => {
      other ??= on.consume()(on.fetched(messages));
      await other;
      return on.store.take(delivery);
    },
  };
  expect(await on.consume({ store: slow })(on.fetched(messages.slice(0, 2)))).toBe(3n);
  expect(await on.countOf(linkId)).toBe(30);
});

describe('offsets that do not follow on', () => {
  test('a gap is asked about once, then accepted', async () => {
    const linkId = randomUUID();
    const consume = on.consume();
    expect(await consume(on.fetched([message(0, clicksOf(linkId, 1))]))).toBe(1n);
    const later = on.fetched([message(5, clicksOf(linkId, 1))]);
    expect(await consume(later)).toBe(1n);
    expect(await consume(later)).toBe(6n);
    expect(await on.countOf(linkId)).toBe(2);
  });

  test('a topic that was made anew is read from its start, once it is sure', async () => {
    const linkId = randomUUID();
    const consume = on.consume();
    expect(await consume(on.fetched([message(90, clicksOf(linkId, 1))]))).toBe(91n);
    const anew = on.fetched([message(0, clicksOf(linkId, 1)), message(1, clicksOf(linkId, 1))]);
    expect(await consume(anew)).toBe(91n);
    expect(await consume(anew)).toBe(2n);
    expect(await on.countOf(linkId)).toBe(3);
  });

  test('another log that has grown past the position is known by its message, and read from its start', async () => {
    const linkId = randomUUID();
    const first = [0, 1, 2].map((offset) => message(offset, clicksOf(linkId, 1)));
    expect(await on.consume()(on.fetched(first))).toBe(3n);
    // As after an assignment: reading begins one message before the position.
    expect(await on.consume()(on.fetched(first.slice(2)))).toBe(3n);
    const anew = [0, 1, 2, 3, 4].map((offset) => message(offset, clicksOf(linkId, 1)));
    expect(await on.consume()(on.fetched(anew.slice(2)))).toBe(0n);
    expect(await on.consume()(on.fetched(anew))).toBe(5n);
    expect(await on.countOf(linkId)).toBe(8);
  });

  test('where no digest was left, as by an older process, the position is believed', async () => {
    const linkId = randomUUID();
    const messages = [0, 1].map((offset) => message(offset, clicksOf(linkId, 1)));
    expect(await on.consume()(on.fetched(messages.slice(0, 1)))).toBe(1n);
    await on.pool.query("update consumer_offsets set next_offset = 2 where topic = 'clicks' and partition = $1", [
      on.partition,
    ]);
    expect(await on.consume()(on.fetched([...messages, message(2, clicksOf(linkId, 1))]))).toBe(3n);
    expect(await on.countOf(linkId)).toBe(2);
  });
});
