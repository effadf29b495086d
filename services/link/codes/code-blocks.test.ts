import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createCodeKey } from '#runtime/shortlink/code-space.ts';
import type { Block } from '../store.ts';
import { createCodeSource } from './code-blocks.ts';

const key = createCodeKey({ id: 1, secret: new Uint8Array(32), from: 0, to: 99 });

/** Hands out blocks of ten, and notes when. `held`: the first one is not answered before. */
function blocks({ failures = 0, held }: { failures?: number; held?: Promise<void> } = {}) {
  const reserved: number[] = [];
  let next = 1;
  return {
    reserved,
    store: {
      openCodeSpace: async () => {},
      async reserveBlock(): Promise<Block | undefined> {
        if (failures-- > 0) throw new Error('away');
        reserved.push(performance.now());
        if (next + 9 > 99) return undefined;
        next += 10;
        const block = { first: next - 10, end: next };
        if (reserved.length === 1) await held;
        return block;
      },
    },
  };
}

describe('a code source', () => {
  test('uses each number once, with a block reserved ahead', async () => {
    const { store, reserved } = blocks();
    const source = createCodeSource({ store, keys: [key], blockSize: 10, announceMs: 0 });
    await source.open();
    const codes = await Promise.all(Array.from({ length: 25 }, () => source.next()));
    expect(codes.map(({ number }) => number).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 25 }, (_, at) => at + 1),
    );
    expect(codes.every(({ code, number }) => key.numberOf(code) === number)).toBe(true);
    expect(reserved).toHaveLength(4);
  });

  test('leaves a block alone until its end was announced', async () => {
    const { store, reserved } = blocks();
    const source = createCodeSource({ store, keys: [key], blockSize: 10, announceMs: 60 });
    await source.open();
    expect(performance.now() - (reserved[0] ?? 0)).toBeGreaterThanOrEqual(59);
    // The first code is there without waiting for any timer.
    expect(await Promise.race([source.next(), setImmediate('late')])).not.toBe('late');
    for (let at = 1; at < 11; at++) await source.next();
    expect(performance.now() - (reserved[1] ?? 0)).toBeGreaterThanOrEqual(59);
  });

  test('tries again after a failure, and says when the range is used up', async () => {
    const { store } = blocks({ failures: 3 });
    const source = createCodeSource({ store, keys: [key], blockSize: 10, announceMs: 0 });
    await source.open();
    await expect(source.next()).rejects.toThrow('away');
    await expect(source.next()).rejects.toThrow('away');
    for (let at = 0; at < 90; at++) await source.next();
    await expect(source.next()).rejects.toMatchObject({ kind: 'internal' });
  });

  test('after a discard each number is used once, by whoever wants one while the code space is opened anew', async () => {
    const { store } = blocks();
    const source = createCodeSource({ store, keys: [key], blockSize: 10, announceMs: 0 });
    await source.open();
    source.discard();
    const opening = source.open();
    const many = () => Promise.all(Array.from({ length: 5 }, () => source.next()));
    const meanwhile = await many();
    await opening;
    const numbers = [...meanwhile, ...(await many())].map(({ number }) => number);
    expect(new Set(numbers).size).toBe(10);
    // None of the two blocks that were reserved before.
    expect(Math.min(...numbers)).toBeGreaterThan(20);
  });

  test('takes neither the number 0, which says that there is none, nor one whose code is a reserved word', async () => {
    const whole = createCodeKey({ id: 1, secret: new Uint8Array(32) });
    const number = whole.numberOf('healthz');
    const opened: number[] = [];
    const store = {
      openCodeSpace: async ({ first }: { first: number }) => void opened.push(first),
      reserveBlock: async () => ({ first: number, end: number + 2 }),
    };
    const source = createCodeSource({ store, keys: [whole], blockSize: 2, announceMs: 0 });
    await source.open();
    expect(opened).toEqual([1]);
    expect((await source.next()).number).toBe(number + 1);
  });

  test('a block that was under way when all were discarded is not used', async () => {
    const { promise: held, resolve: answer } = Promise.withResolvers<void>();
    const { store } = blocks({ held });
    const source = createCodeSource({ store, keys: [key], blockSize: 10, announceMs: 0 });
    const first = source.next();
    source.discard();
    const opening = source.open();
    answer();
    expect((await first).number).toBeGreaterThan(10);
    await opening;
    expect((await source.next()).number).toBeGreaterThan(10);
  });
});
