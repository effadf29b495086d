/** Wire types of the protobuf encoding: https://protobuf.dev/programming-guides/encoding/ */
const varintType = 0;
const lengthType = 2;
const longestLength = 5;
/** Varints hold seven bits per byte, the lowest first; this bit says that more follow. */
const more = 0x80;

/**
 * Writes one protobuf message from columns, byte for byte what protobuf-es writes; that allocates an object or two for each value of a
 * 64-bit column, and range-checks all the others (docs/performance.md has the figures).
 */
export class MessageWriter {
  readonly #bytes: Buffer;
  #end = 0;

  /** `mostBytes`: an upper bound of all that will be written. */
  constructor(mostBytes: number) {
    this.#bytes = Buffer.allocUnsafe(mostBytes);
  }

  /** What was written. */
  finish(): Buffer {
    if (this.#end > this.#bytes.length) throw new RangeError('The message is longer than its bound.');
    return this.#bytes.subarray(0, this.#end);
  }

  /** A field of one number, which is not 0. */
  number(field: number, value: number): void {
    this.#tag(field, varintType);
    this.#varint(value);
  }

  /** A text, also one that is empty. */
  text(field: number, value: string): void {
    this.#tag(field, lengthType);
    this.#varint(Buffer.byteLength(value));
    this.#end += this.#bytes.write(value, this.#end);
  }

  /** Left out where there is none. */
  bytes(field: number, value: Uint8Array): void {
    if (value.length === 0) return;
    this.#tag(field, lengthType);
    this.#varint(value.length);
    this.#bytes.set(value, this.#end);
    this.#end += value.length;
  }

  /** A packed column of numbers of at least 0; left out where it is empty. */
  packed(field: number, values: readonly (number | bigint)[]): void {
    if (values.length === 0) return;
    this.#tag(field, lengthType);
    const start = this.#end;
    // Behind the longest length there is; most are shorter, and then it is moved.
    this.#end += longestLength;
    for (const value of values) this.#varint(value);
    const end = this.#end;
    this.#end = start;
    this.#varint(end - start - longestLength);
    this.#bytes.copyWithin(this.#end, start + longestLength, end);
    this.#end += end - start - longestLength;
  }

  /** A packed column of fixed64 or sfixed64, in numbers of at least 0; left out where it is empty. */
  packedFixed64(field: number, values: readonly number[]): void {
    if (values.length === 0) return;
    this.#tag(field, lengthType);
    this.#varint(values.length * 8);
    for (const value of values) {
      const high = Math.floor(value / 2 ** 32);
      this.#end = this.#bytes.writeUInt32LE(value - high * 2 ** 32, this.#end);
      this.#end = this.#bytes.writeUInt32LE(high, this.#end);
    }
  }

  #tag(field: number, type: number): void {
    this.#varint(field * 8 + type);
  }

  #varint(value: number | bigint): void {
    if (typeof value === 'bigint' && value > Number.MAX_SAFE_INTEGER) this.#bigVarint(value);
    else this.#numberVarint(Number(value));
  }

  #numberVarint(value: number): void {
    let left = value;
    while (left > 0x7fff_ffff) {
      this.#bytes[this.#end++] = (left % more) | more;
      left = Math.floor(left / more);
    }
    while (left >= more) {
      this.#bytes[this.#end++] = (left & 0x7f) | more;
      left >>>= 7;
    }
    this.#bytes[this.#end++] = left;
  }

  #bigVarint(value: bigint): void {
    let left = value;
    while (left >= BigInt(more)) {
      this.#bytes[this.#end++] = Number(left & 0x7fn) | more;
      left >>= 7n;
    }
    this.#bytes[this.#end++] = Number(left);
  }
}
