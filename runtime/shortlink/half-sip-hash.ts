/**
 * HalfSipHash-2-4 of one 32-bit word (its four bytes, little-endian) under a key of two 32-bit words; returns 32 bits as a signed integer.
 * A pseudo-random function in 32-bit arithmetic only, which JavaScript runs at machine speed; nothing in node:crypto handles so small an
 * input in less than a microsecond.
 */
export function halfSipHash(key0: number, key1: number, word: number): number {
  let v0 = key0;
  let v1 = key1;
  let v2 = 0x6c796765 ^ key0;
  let v3 = 0x74656462 ^ key1;
  // Steps 0 and 1 absorb the word, 2 and 3 the length of the message, 4 to 7 finish. The rounds are written out in one loop because a call
  // per round costs more than the round.
  v3 ^= word;
  for (let step = 0; step < 8; step++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (step === 1) {
      v0 ^= word;
      v3 ^= messageLength;
    } else if (step === 3) {
      v0 ^= messageLength;
      v2 ^= 0xff;
    }
  }
  return v1 ^ v3;
}

/** The last block of a message of four bytes: its length, in the top byte. */
const messageLength = 4 << 24;
