import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeSpaceSize, createCodeKey, looksGenerated, read } from './code-space.ts';
import { halfSipHash } from './half-sip-hash.ts';

const key = createCodeKey({ id: 1, secret: new Uint8Array(32).fill(7) });
const other = createCodeKey({ id: 2, secret: new Uint8Array(32).fill(8) });
const numbers = fc.integer({ min: 0, max: codeSpaceSize - 1 });
const codes = fc.stringMatching(/^[0-9A-Za-z]{7}$/);

/** With 61 degrees of freedom a fair source is above this once in a million. */
const chiSquareLimit = 130;

describe('the code space', () => {
  test('turns every number into a code of its own and back', () => {
    fc.assert(
      fc.property(numbers, (number) => {
        const code = key.codeOf(number);
        expect(code).toMatch(/^[0-9A-Za-z]{7}$/);
        expect(key.numberOf(code)).toBe(number);
      }),
      { numRuns: 20_000 },
    );
  });

  test('has a number for every code', () => {
    fc.assert(
      fc.property(codes, (code) => {
        expect(key.codeOf(key.numberOf(code))).toBe(code);
      }),
      { numRuns: 20_000 },
    );
  });

  test('holds at both ends', () => {
    for (const number of [0, 1, codeSpaceSize - 1]) expect(key.numberOf(key.codeOf(number))).toBe(number);
    for (const code of ['0000000', 'zzzzzzz']) expect(key.codeOf(key.numberOf(code))).toBe(code);
  });

  test('refuses a number outside it', () => {
    for (const number of [-1, 0.5, codeSpaceSize, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => key.codeOf(number)).toThrow(RangeError);
    }
  });

  test('gives no number for text of another shape', () => {
    for (const text of ['', 'abcdef', 'abcdefgh', 'abc-efg', 'abcdéfg', 'ａbcdefg', '12345 7', '123456\u0000']) {
      expect(key.numberOf(text)).toBe(-1);
      expect(looksGenerated(text)).toBe(false);
    }
  });

  test('repeats no code over 10 million numbers', { timeout: 60_000 }, () => {
    const count = 10_000_000;
    // Of two numbers with one code, one would not come back from it.
    let strayed = 0;
    for (let number = 0; number < count; number++) if (key.numberOf(key.codeOf(number)) !== number) strayed++;
    expect(strayed).toBe(0);
  });

  test('shows no order: characters, differences and the codes of another key look random', () => {
    const count = 310_000;
    const places = Array.from({ length: count }, (_, number) => read(key.codeOf(number)));
    for (let position = 0; position < 7; position++) {
      const digits = places.map((place) => Math.floor(place / 62 ** position) % 62);
      expect(chiSquare(digits), `character ${position}`).toBeLessThan(chiSquareLimit);
    }
    const differences = places.slice(1).map((place, at) => wrap(place - (places[at] ?? 0)));
    expect(chiSquare(differences.map(sixtySecond)), 'differences').toBeLessThan(chiSquareLimit);
    const apart = places.map((place, number) => wrap(place - read(other.codeOf(number))));
    expect(chiSquare(apart.map(sixtySecond)), 'another key').toBeLessThan(chiSquareLimit);
    const rising = differences.filter((_, at) => (places[at + 1] ?? 0) > (places[at] ?? 0)).length;
    expect(Math.abs(rising / count - 0.5)).toBeLessThan(0.01);
  });

  test('refuses a short secret and a bad range', () => {
    expect(() => createCodeKey({ id: 3, secret: new Uint8Array(8) })).toThrow('shorter than 16 bytes');
    expect(() => createCodeKey({ id: 3, secret: new Uint8Array(16), from: 5, to: 4 })).toThrow('range');
  });
});

test('HalfSipHash-2-4 answers as its reference implementation does', () => {
  // Key 00 01 … 07, message 00 01 02 03: the reference's fifth vector is 2a 6e 46 89.
  expect(halfSipHash(0x03020100, 0x07060504, 0x03020100) >>> 0).toBe(0x89466e2a);
});

function wrap(difference: number): number {
  return difference < 0 ? difference + codeSpaceSize : difference;
}

function sixtySecond(place: number): number {
  return Math.floor(place / 62 ** 6);
}

function chiSquare(values: readonly number[]): number {
  const counts = new Array<number>(62).fill(0);
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  const expected = values.length / 62;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}
