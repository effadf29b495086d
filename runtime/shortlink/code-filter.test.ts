import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CodeSpace, CodeSpaceSchema, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { createBloomFilter } from './bloom-filter.ts';
import { createCodeFilter, filterFreshMs } from './code-filter.ts';
import { codeSpaceSize, createCodeKey } from './code-space.ts';

const rotation = 2_000_000;
const blockSize = 1_000;
const old = createCodeKey({ id: 1, secret: new Uint8Array(32).fill(1), from: 0, to: rotation - 1 });
const current = createCodeKey({ id: 2, secret: new Uint8Array(32).fill(2), from: rotation, to: codeSpaceSize - 1 });

function space(keyId: number, first: number, highWater: number): CodeSpace {
  return create(CodeSpaceSchema, {
    keyId,
    first: BigInt(first),
    highWater: BigInt(highWater),
    blockSize: BigInt(blockSize),
  });
}

function watchedFilter({ highWater = rotation + 50_000 } = {}) {
  let clock = 0;
  const filter = createCodeFilter({ keys: [old, current], now: () => clock });
  filter.heartbeat([space(1, 0, 100_000), space(2, rotation, highWater)], 0);
  filter.lookalikesComplete();
  return { filter, pass: (ms: number) => (clock += ms) };
}

describe('the code filter', () => {
  test('lets every handed-out number pass, of every key', () => {
    const { filter } = watchedFilter();
    const handedOut = fc.oneof(
      fc.integer({ min: 0, max: 99_999 }).map((number) => old.codeOf(number)),
      fc.integer({ min: rotation, max: rotation + 49_999 }).map((number) => current.codeOf(number)),
    );
    fc.assert(
      fc.property(handedOut, (code) => {
        expect(filter.check(code)).toBe('maybe');
      }),
      { numRuns: 2_000 },
    );
  });

  test('refuses every number beyond what is handed out', () => {
    const { filter } = watchedFilter();
    const beyond = fc.oneof(
      fc.integer({ min: 100_000 + 2 * blockSize, max: rotation - 1 }).map((number) => old.codeOf(number)),
      fc.integer({ min: rotation + 52_000, max: codeSpaceSize - 1 }).map((number) => current.codeOf(number)),
    );
    // The other key may turn the same code into a number that it did hand out: 150,000 in 3.5e12.
    fc.assert(
      fc.property(beyond, (code) => {
        expect(filter.check(code)).toBe('refuse');
      }),
      { numRuns: 5_000 },
    );
  });

  test('refuses made-up codes', () => {
    const { filter } = watchedFilter();
    const madeUp = fc.stringMatching(/^[0-9A-Za-z]{7}$/);
    const passed = fc.sample(madeUp, { numRuns: 100_000, seed: 5 }).filter((code) => filter.check(code) === 'maybe');
    expect(passed).toEqual([]);
  });

  test('is not sure within two blocks above the high-water mark', () => {
    const { filter } = watchedFilter();
    expect(filter.check(current.codeOf(rotation + 50_000))).toBe('maybe');
    expect(filter.check(current.codeOf(rotation + 51_999))).toBe('maybe');
    expect(filter.check(current.codeOf(rotation + 52_000))).toBe('refuse');
  });

  test('is not sure of other shapes', () => {
    const { filter } = watchedFilter();
    for (const code of ['team', 'größe-1', 'abcdefgh', '']) expect(filter.check(code)).toBe('maybe');
  });

  test('is not sure when the watch is not fresh', () => {
    const { filter, pass } = watchedFilter();
    const madeUp = current.codeOf(codeSpaceSize - 1);
    pass(filterFreshMs);
    expect(filter.check(madeUp)).toBe('refuse');
    pass(1);
    expect(filter.check(madeUp)).toBe('maybe');
    filter.heartbeat([space(1, 0, 100_000), space(2, rotation, rotation)], filterFreshMs - 100);
    pass(100);
    expect(filter.check(madeUp)).toBe('maybe');
  });

  test('is not sure before all lookalikes are known, and after a resynchronisation', () => {
    const filter = createCodeFilter({ keys: [current] });
    const madeUp = current.codeOf(codeSpaceSize - 1);
    expect(filter.check(madeUp)).toBe('maybe');
    filter.heartbeat([space(2, rotation, rotation)], performance.now());
    expect(filter.check(madeUp)).toBe('maybe');
    filter.lookalikesComplete();
    expect(filter.check(madeUp)).toBe('refuse');
    filter.forget();
    expect(filter.check(madeUp)).toBe('maybe');
  });

  test('is not sure when links were made with another secret of the same id', () => {
    const filter = createCodeFilter({ keys: [current] });
    filter.lookalikesComplete();
    const made = current.codeOf(codeSpaceSize - 1);
    const announced = space(2, rotation, rotation);
    filter.heartbeat([{ ...announced, fingerprint: current.fingerprint }], performance.now());
    expect(filter.check(made)).toBe('refuse');
    expect(filter.foreignKeys).toEqual([]);
    filter.heartbeat([{ ...announced, fingerprint: old.fingerprint }], performance.now());
    expect(filter.check(made)).toBe('maybe');
    expect(filter.foreignKeys).toMatchObject([{ keyId: 2, fingerprint: old.fingerprint }]);
  });

  test('is not sure when a key is announced that it does not have, or not announced that it has', () => {
    const filter = createCodeFilter({ keys: [current] });
    filter.lookalikesComplete();
    filter.heartbeat([space(2, rotation, rotation), space(3, 0, 1)], performance.now());
    expect(filter.check(current.codeOf(codeSpaceSize - 1))).toBe('maybe');
    filter.heartbeat([], performance.now());
    expect(filter.check(current.codeOf(codeSpaceSize - 1))).toBe('maybe');
  });

  test('remembers aliases that look generated, from the list and from the watch', () => {
    const { filter } = watchedFilter();
    expect(filter.check('mylinks')).toBe('refuse');
    filter.addLookalikes(['mylinks', 'no-look']);
    expect(filter.check('mylinks')).toBe('maybe');
    expect(filter.check('MyLinks')).toBe('refuse');
    filter.learn(create(LinkRecordSchema, { id: 'x', code: 'MyLinks' }));
    expect(filter.check('MyLinks')).toBe('maybe');
    filter.learn(create(LinkRecordSchema, { id: 'x', code: 'zzzzzzz', number: 9n }));
    expect(filter.check('zzzzzzz')).toBe('refuse');
  });
});

test('the Bloom filter forgets nothing and errs seldom, past its first capacity too', () => {
  const filter = createBloomFilter(1_024);
  const step = 7_919 * 104_729;
  const count = 20_000;
  for (let at = 0; at < count; at++) filter.add((at * step) % codeSpaceSize);
  let missed = 0;
  let wrong = 0;
  for (let at = 0; at < count; at++) {
    if (!filter.has((at * step) % codeSpaceSize)) missed++;
    if (filter.has((at * step + 1) % codeSpaceSize)) wrong++;
  }
  expect(missed).toBe(0);
  expect(wrong).toBeLessThan(40);
});
