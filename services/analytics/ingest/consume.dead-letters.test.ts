import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { RowsRefused } from '../store.ts';
import { clicksOf, message, useConsume } from '../testing/consume-fixture.ts';
import { newPartition } from '../testing/test-store.ts';

const on = useConsume();

describe('messages that cannot be stored', () => {
  test('one that cannot be read goes to the dead letters; its neighbours are stored', async () => {
    const linkId = randomUUID();
    const consume = on.consume();
    const messages = [
      message(0, clicksOf(linkId, 2)),
      message(1, Buffer.from('poison')),
      message(2, null),
      message(3, clicksOf(linkId, 2)),
    ];
    expect(await consume(on.fetched(messages))).toBe(4n);
    expect(await on.countOf(linkId)).toBe(4);
    expect(on.buried.map(({ headers }) => headers?.offset)).toEqual(['1', '2']);
    expect(on.buried[0]).toMatchObject({
      value: Buffer.from('poison'),
      headers: { topic: 'clicks', partition: String(on.partition), reason: expect.any(String) },
    });
  });

  test('of one that is too long for Kafka together with its headers the beginning goes there', async () => {
    expect(await on.consume()(on.fetched([message(0, Buffer.alloc(1_000_000, 'poison'))]))).toBe(1n);
    expect(on.buried[0]?.value).toHaveLength(900_000);
  });

  test('one whose rows the store refuses goes there after three tries; its neighbours are stored', async () => {
    const linkId = randomUUID();
    const poison = randomUUID();
    let refusals = 0;
    const refusing = {
      ...on.store,
      take: async (delivery: Parameters<typeof on.store.take>[0]) => {
        if (!delivery.batches.some(({ dictionary }) => dictionary.includes(poison))) return on.store.take(delivery);
        refusals++;
        throw new RowsRefused('no');
      },
    };
    const consume = on.consume({ store: refusing });
    const messages = [clicksOf(linkId, 2), clicksOf(poison, 2), clicksOf(linkId, 2)].map((value, offset) =>
      message(offset, value),
    );
    expect(await consume(on.fetched(messages))).toBe(3n);
    expect(refusals).toBe(1 + 3);
    expect(await on.countOf(linkId)).toBe(4);
    expect(on.buried.map(({ headers }) => headers?.offset)).toEqual(['1']);
  });

  test('while the store does not answer, each goes there once', async () => {
    const poison = randomUUID();
    let away = 6;
    const failing = {
      ...on.store,
      take: async (delivery: Parameters<typeof on.store.take>[0]) => {
        if (delivery.batches.length > 0) throw new RowsRefused('no');
        if (away-- > 0) throw new Error('Connection terminated');
        return on.store.take(delivery);
      },
    };
    const consume = on.consume({ store: failing });
    const batch = on.fetched([message(0, clicksOf(poison, 1)), message(1, Buffer.from('poison'))]);
    while (away > 0) await expect(consume(batch)).rejects.toThrow('Connection terminated');
    expect(await consume(batch)).toBe(2n);
    expect(on.buried.map(({ headers }) => headers?.offset)).toEqual(['1', '0']);
    // Of a topic that was made anew the same offset is another message.
    on.partition = newPartition();
    for (const timestamp of ['0', '1']) {
      away = 1;
      const unreadable = { ...message(0, Buffer.from('poison')), timestamp };
      await expect(consume(on.fetched([unreadable]))).rejects.toThrow('Connection terminated');
    }
    expect(on.buried).toHaveLength(4);
  });

  test('while the dead letters cannot be written, the partition waits', async () => {
    const down = { send: () => Promise.reject(new Error('Kafka is away')) };
    const batch = on.fetched([message(0, Buffer.from('poison'))]);
    await expect(on.consume({ dead: down })(batch)).rejects.toThrow();
    expect(await on.store.position('clicks', on.partition)).toBeUndefined();
    expect(await on.consume()(batch)).toBe(1n);
  });
});
