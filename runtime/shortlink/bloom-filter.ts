import { randomInt } from 'node:crypto';

/**
 * A set of numbers of up to 42 bits, with false positives (about one in 10,000 at its capacity) but no false negatives. When a slice is
 * full, it grows by one twice as large.
 */
export interface BloomFilter {
  readonly size: number;
  add(number: number): void;
  has(number: number): boolean;
}

const bitsPerEntry = 20;
const probes = 10;

interface Slice {
  readonly bits: Uint32Array;
  readonly mask: number;
  free: number;
}

export function createBloomFilter(firstCapacity = 65_536): BloomFilter {
  // Seeded, so that nobody can choose aliases that collide.
  const seed = randomInt(2 ** 32 - 1) | 0;
  const slices: Slice[] = [createSlice(firstCapacity)];
  let size = 0;

  function has(number: number): boolean {
    const first = mix((number % 4_294_967_296) | 0, seed);
    const second = mix((number / 1_024) | 0, first) | 1;
    return slices.some((slice) => sliceHas(slice, first, second));
  }

  function add(number: number): void {
    if (has(number)) return;
    const first = mix((number % 4_294_967_296) | 0, seed);
    const second = mix((number / 1_024) | 0, first) | 1;
    const newest = slices.at(-1) as Slice;
    const slice = newest.free > 0 ? newest : createSlice(firstCapacity * 2 ** slices.length);
    if (slice !== newest) slices.push(slice);
    for (let probe = 0; probe < probes; probe++) {
      const bit = (first + Math.imul(probe, second)) & slice.mask;
      slice.bits[bit >>> 5] = (slice.bits[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
    slice.free--;
    size++;
  }

  return {
    get size() {
      return size;
    },
    add,
    has,
  };
}

function createSlice(capacity: number): Slice {
  const bits = 2 ** Math.ceil(Math.log2(capacity * bitsPerEntry));
  return { bits: new Uint32Array(bits / 32), mask: bits - 1, free: capacity };
}

function sliceHas({ bits, mask }: Slice, first: number, second: number): boolean {
  for (let probe = 0; probe < probes; probe++) {
    const bit = (first + Math.imul(probe, second)) & mask;
    if (((bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
  }
  return true;
}

/** The finish of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(value: number, seed: number): number {
  let hash = value ^ seed;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
