import { describe, expect, it } from 'vitest';
import { createUnknownCodes, isTooMany, type UnknownCodes, type UnknownCodesOptions } from './unknown-codes.ts';

/** Ten at once, then one a second. */
const limit = { calls: 10, periodSeconds: 10 };
const address = '192.0.2.7';

function fixture(more: Partial<UnknownCodesOptions> = {}) {
  let time = 1_000_000;
  const waits: number[] = [];
  const sleep = async (ms: number): Promise<void> => void waits.push(ms);
  const bounds = { limit, longestWaitMs: 2_000, maxAddresses: 100, maxWaiting: 10 };
  const codes = createUnknownCodes({ ...bounds, now: () => time, sleep, ...more });
  const advance = (ms: number): void => {
    time += ms;
  };
  return { codes, waits, advance };
}

type Guess = Parameters<UnknownCodes['pace']>[1];
const miss = (codes: UnknownCodes, from = address, guess: Guess = 'made_up') =>
  codes.pace(from, guess, async () => ({ unknown: true, result: 'no' }));
const find = (codes: UnknownCodes, guess: Guess = 'possible') =>
  codes.pace(address, guess, async () => ({ unknown: false, result: 'found' }));
const times = async (count: number, run: () => Promise<unknown>): Promise<unknown[]> => {
  const results: unknown[] = [];
  for (let i = 0; i < count; i++) results.push(await run());
  return results;
};

describe('an address that asks for unknown codes', () => {
  it('is answered at once, then ever later, then told to come back', async () => {
    const { codes, waits } = fixture();
    expect(await times(12, () => miss(codes))).toEqual(Array(12).fill('no'));
    expect(waits).toEqual([1_000, 2_000]);
    expect(await miss(codes)).toEqual({ retryAfterMs: 3_000, resetMs: 12_000 });
    expect(waits).toHaveLength(2);
  });

  it('is answered at once without a lookup as often as with one, whoever asks where there is no address', () => {
    const { codes } = fixture();
    const answers = Array.from({ length: 12 }, () => codes.countNow(address, 'made_up'));
    expect(answers).toEqual([...Array(10).fill(true), false, false]);
    expect(Array.from({ length: 12 }, () => codes.countNow(undefined, 'made_up'))).toEqual(Array(12).fill(true));
  });

  it('is welcome again with time', async () => {
    const { codes, waits, advance } = fixture();
    await times(12, () => miss(codes));
    advance(12_000);
    await times(10, () => miss(codes));
    expect(waits).toHaveLength(2);
  });

  it('is slowed alone: other addresses, and codes that may be links, are not', async () => {
    const { codes, waits } = fixture();
    await times(20, () => miss(codes));
    waits.length = 0;
    expect(await miss(codes, '192.0.2.8')).toBe('no');
    expect(await find(codes)).toBe('found');
    expect(waits).toEqual([]);
  });

  it('may find as many links as it likes', async () => {
    const { codes, waits } = fixture();
    expect(await times(1_000, () => find(codes))).toEqual(Array(1_000).fill('found'));
    expect(waits).toEqual([]);
  });

  it('may ask for any number of links at once, while it has not asked for much that leads nowhere', async () => {
    const { codes, waits } = fixture();
    await Promise.all(Array.from({ length: 1_000 }, () => find(codes)));
    expect([waits, await miss(codes, address, 'possible')]).toEqual([[], 'no']);
  });

  it('is given back the place of a link that it had to wait for', async () => {
    const { codes, waits } = fixture();
    await times(11, () => miss(codes, address, 'possible'));
    expect(await times(20, () => find(codes))).toEqual(Array(20).fill('found'));
    expect(waits).toEqual([1_000, ...Array(20).fill(2_000)]);
  });

  it('by IPv6 is a /64', async () => {
    const { codes } = fixture();
    for (let i = 0; i < 13; i++) await miss(codes, `2001:db8::${i.toString(16)}`);
    expect(await miss(codes, '2001:db8::ffff')).toSatisfy(isTooMany);
    expect(await miss(codes, '2001:db8:0:1::1')).toBe('no');
  });

  it('that is not known is not slowed', async () => {
    const { codes } = fixture();
    const unknown = () => codes.pace(undefined, 'made_up', async () => ({ unknown: true, result: 'no' }));
    expect(await times(50, unknown)).toEqual(Array(50).fill('no'));
  });
});

describe('what is kept', () => {
  it('are so many addresses, the last that asked', async () => {
    const { codes, waits } = fixture({ maxAddresses: 2 });
    await times(12, () => miss(codes));
    for (const other of ['192.0.2.8', '192.0.2.9']) await miss(codes, other);
    waits.length = 0;
    expect(await miss(codes)).toBe('no');
    expect(waits).toEqual([]);
  });

  it('are so many questions that wait', async () => {
    const sleep = (): Promise<void> => new Promise(() => {});
    const { codes } = fixture({ longestWaitMs: 1_000_000, maxWaiting: 3, sleep });
    await times(10, () => miss(codes));
    const held = [1, 2, 3].map(() => miss(codes));
    expect(await miss(codes)).toSatisfy(isTooMany);
    expect(held).toHaveLength(3);
  });
});
