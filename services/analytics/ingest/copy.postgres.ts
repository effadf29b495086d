import { finished } from 'node:stream/promises';
import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

const header = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const endOfRows = -1;
/** The epoch of Postgres is 2000. */
const epochUs = Date.UTC(2000, 0) * 1_000;
const firstSize = 65_536;
/** Element types of arrays, by OID. */
const int2 = 21;
const int4 = 23;
const text = 25;

/** A field in COPY's format, encoded once for a frequent value. */
export type Field = Buffer;

export function textField(value: string): Field {
  return field(Buffer.from(value));
}

export function uuidField(value: string): Field {
  return field(Buffer.from(value.replaceAll('-', ''), 'hex'));
}

function field(bytes: Buffer): Field {
  const all = Buffer.allocUnsafe(4 + bytes.length);
  all.writeInt32BE(bytes.length);
  all.set(bytes, 4);
  return all;
}

/** Rows in COPY's binary format: neither side converts numbers to or from text. */
export class CopyRows {
  #bytes = Buffer.allocUnsafe(firstSize);
  #end = 0;

  constructor() {
    this.field(header);
  }

  /** Begins a row; its fields follow in the order of the columns. */
  row(fields: number): void {
    this.#number16(fields);
  }

  field(bytes: Field): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  uuid(from: Buffer, start: number): void {
    this.#number32(16);
    this.#reserve(16);
    from.copy(this.#bytes, this.#end, start, start + 16);
    this.#end += 16;
  }

  /** A timestamptz of microseconds since 1970. */
  time(us: number): void {
    const since = us - epochUs;
    const high = Math.floor(since / 2 ** 32);
    this.#number32(8);
    this.#number32(high);
    this.#number32((since - high * 2 ** 32) | 0);
  }

  /** The date of a day that begins at this many microseconds since 1970. */
  date(dayUs: number): void {
    this.int4(Math.round((dayUs - epochUs) / 86_400_000_000));
  }

  int8(value: bigint): void {
    this.#number32(8);
    this.#reserve(8);
    this.#end = this.#bytes.writeBigInt64BE(value, this.#end);
  }

  int4(value: number): void {
    this.#number32(4);
    this.#number32(value);
  }

  int2(value: number): void {
    this.#number32(2);
    this.#number16(value);
  }

  bool(value: boolean): void {
    this.#number32(1);
    this.#reserve(1);
    this.#end = this.#bytes.writeUInt8(value ? 1 : 0, this.#end);
  }

  int2Array(values: readonly number[]): void {
    this.#array(int2, values.length, values.length * 2);
    for (const value of values) {
      this.#put32(2);
      this.#put16(value);
    }
  }

  int4Array(values: readonly number[]): void {
    this.#array(int4, values.length, values.length * 4);
    for (const value of values) {
      this.#put32(4);
      this.#put32(value);
    }
  }

  textArray(values: readonly Field[]): void {
    const bytes = values.reduce((sum, { length }) => sum + length - 4, 0);
    this.#array(text, values.length, bytes);
    for (const value of values) this.field(value);
  }

  /** The complete data; nothing can be added afterwards. */
  end(): Buffer {
    this.#number16(endOfRows);
    return this.#bytes.subarray(0, this.#end);
  }

  /** One dimension, no nulls, counted from 1. Reserves space for its elements. */
  #array(oid: number, length: number, bytes: number): void {
    const size = 20 + length * 4 + bytes;
    this.#reserve(4 + size);
    for (const part of [size, 1, 0, oid, length, 1]) this.#put32(part);
  }

  #number16(value: number): void {
    this.#reserve(2);
    this.#put16(value);
  }

  #number32(value: number): void {
    this.#reserve(4);
    this.#put32(value);
  }

  #put16(value: number): void {
    this.#bytes[this.#end++] = value >> 8;
    this.#bytes[this.#end++] = value;
  }

  #put32(value: number): void {
    this.#bytes[this.#end++] = value >> 24;
    this.#bytes[this.#end++] = value >> 16;
    this.#bytes[this.#end++] = value >> 8;
    this.#bytes[this.#end++] = value;
  }

  #reserve(length: number): void {
    if (this.#end + length <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#end + length));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}

/** Writes the rows with COPY, all or none. A row whose key already exists is a unique violation. */
export async function copyInto(client: PoolClient, target: string, rows: CopyRows): Promise<void> {
  await copyMeanwhile(client, target, rows, () => {});
}

/** As copyInto; while Postgres stores the rows that it was sent, `work` is done here. Returns its result. */
export async function copyMeanwhile<Result>(
  client: PoolClient,
  target: string,
  rows: CopyRows,
  work: () => Result,
): Promise<Result> {
  const stream = client.query(copyFrom(`copy ${target} from stdin (format binary)`));
  const stored = finished(stream);
  const sent = new Promise<void>((resolve) => {
    stream.write(rows.end(), () => resolve());
  });
  await Promise.race([sent, stored]);
  stream.end();
  try {
    return work();
  } finally {
    await stored;
  }
}
