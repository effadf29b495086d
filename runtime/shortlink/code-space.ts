import { hkdfSync } from 'node:crypto';
import { halfSipHash } from './half-sip-hash.ts';

/** How many codes of 7 characters of [0-9A-Za-z] there are: 62^7, a little less than 2^42. */
export const codeSpaceSize = 62 ** 7;
const codeLength = 7;

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const digitOf = digits();
/** Below this, three or four digits fit 32-bit arithmetic. */
const lowerThreeDigits = 62 ** 3;

const half = 2 ** 21;
const halfMask = half - 1;
const rounds = 8;

/** A secret, and the numbers that it turns into codes. Ranges of different keys never overlap. */
export interface CodeKey {
  readonly id: number;
  /** The first number of the range. */
  readonly from: number;
  /** The last number of the range. */
  readonly to: number;
  /** Identifies the secret without giving it away: 16 hexadecimal digits. */
  readonly fingerprint: string;
  /** The code of a number in the whole space. Throws a RangeError for any other. */
  codeOf(number: number): string;
  /** The number, in the whole space, that this key turns into the code; -1 when the code does not have the shape of a generated one. */
  numberOf(code: string): number;
}

interface CodeKeySettings {
  readonly id: number;
  /** At least 16 bytes. */
  readonly secret: Uint8Array;
  readonly from?: number;
  readonly to?: number;
}

/**
 * A keyed permutation of [0, 62^7): eight Feistel rounds over two halves of 21 bits, repeated until the value is in range (cycle walking,
 * 1.25 times on average). See docs/decisions/0005-code-space.md for the choice and its cost.
 */
export function createCodeKey({ id, secret, from = 0, to = codeSpaceSize - 1 }: CodeKeySettings): CodeKey {
  if (secret.length < 16) throw new Error(`The secret of code key ${id} is shorter than 16 bytes.`);
  if (!isNumber(from) || !isNumber(to) || from > to) throw new Error(`The range of code key ${id} is not usable.`);
  const keys = roundKeys(secret);
  return {
    id,
    from,
    to,
    fingerprint: Buffer.from(hkdfSync('sha256', secret, '', 'hop code key fingerprint', 8)).toString('hex'),
    codeOf(number) {
      if (!isNumber(number)) throw new RangeError(`${number} is outside the code space.`);
      let value = number;
      do value = encipher(keys, value);
      while (value >= codeSpaceSize);
      return spell(value);
    },
    numberOf(code) {
      let value = read(code);
      if (value < 0) return -1;
      do value = decipher(keys, value);
      while (value >= codeSpaceSize);
      return value;
    },
  };
}

/** Whether the text has the shape of every generated code; an alias may have it too. */
export function looksGenerated(code: string): boolean {
  return read(code) >= 0;
}

/** The position of a code in the alphabet's order, or -1 when it has another shape. */
export function read(code: string): number {
  if (code.length !== codeLength) return -1;
  const high = digitsAt(code, 0, 4);
  const low = digitsAt(code, 4, 7);
  return high < 0 || low < 0 ? -1 : high * lowerThreeDigits + low;
}

function digitsAt(code: string, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = digitOf[code.charCodeAt(at)] ?? -1;
    if (digit < 0) return -1;
    value = value * 62 + digit;
  }
  return value;
}

function spell(value: number): string {
  let high = Math.floor(value / lowerThreeDigits);
  let low = value - high * lowerThreeDigits;
  let text = '';
  for (let digit = 0; digit < 3; digit++, low = (low / 62) | 0) text = alphabet.charAt(low % 62) + text;
  for (let digit = 0; digit < 4; digit++, high = (high / 62) | 0) text = alphabet.charAt(high % 62) + text;
  return text;
}

function encipher(keys: Int32Array, value: number): number {
  let left = (value / half) | 0;
  let right = value - left * half;
  for (let round = 0; round < rounds; round++) {
    const next = left ^ roundFunction(keys, round, right);
    left = right;
    right = next;
  }
  return left * half + right;
}

function decipher(keys: Int32Array, value: number): number {
  let left = (value / half) | 0;
  let right = value - left * half;
  for (let round = rounds - 1; round >= 0; round--) {
    const previous = right ^ roundFunction(keys, round, left);
    right = left;
    left = previous;
  }
  return left * half + right;
}

function roundFunction(keys: Int32Array, round: number, input: number): number {
  return halfSipHash(keys[round * 2] as number, keys[round * 2 + 1] as number, input) & halfMask;
}

/** A 64-bit key for every round; none can be derived from another. */
function roundKeys(secret: Uint8Array): Int32Array {
  return new Int32Array(hkdfSync('sha256', secret, '', 'hop code space v1', rounds * 8));
}

function digits(): Int8Array {
  const table = new Int8Array(128).fill(-1);
  for (let digit = 0; digit < alphabet.length; digit++) table[alphabet.charCodeAt(digit)] = digit;
  return table;
}

function isNumber(number: number): boolean {
  return Number.isInteger(number) && number >= 0 && number < codeSpaceSize;
}
