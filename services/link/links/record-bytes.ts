import { toBinary } from '@bufbuild/protobuf';
import { type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';

/** The record as stored in the tables. */
export function bytesOf(record: LinkRecord): Buffer {
  return Buffer.from(toBinary(LinkRecordSchema, record));
}

const seconds = (at: string): string => `floor(extract(epoch from ${at}))::bigint`;
const nanos = (at: string): string => `(extract(milliseconds from ${at})::bigint % 1000 * 1000000)`;

/**
 * SQL for what only the database can fill in: version (field 4), created_at (14) and updated_at (15), to be appended to the record's bytes.
 * Varints are padded to a fixed length, which every protobuf reader accepts. A time has milliseconds; the seconds fit for a thousand years.
 */
export function stampOf({ version, at }: { readonly version: string; readonly at: string }): string {
  const time = timeOf(at);
  return `('\\x20'::bytea || ${varint(version, 9)} || '\\x720c'::bytea || ${time} || '\\x7a0c'::bytea || ${time})`;
}

/** SQL for expires_at (field 16), to be appended to the record's bytes in the same way. */
export function endStampOf(at: string): string {
  return `('\\x82010c'::bytea || ${timeOf(at)})`;
}

function timeOf(at: string): string {
  return `'\\x08'::bytea || ${varint(seconds(at), 5)} || '\\x10'::bytea || ${varint(nanos(at), 5)}`;
}

/** 7 bits per byte, the lowest first, with the continuation bit on all but the last. */
function varint(value: string, length: number): string {
  const byte = (index: number): string =>
    `((${value} >> ${7 * index}) & 127 | ${index < length - 1 ? 128 : 0})::integer`;
  const indexes = Array.from({ length }, (_, index) => index);
  return indexes.reduce(
    (bytes, index) => `set_byte(${bytes}, ${index}, ${byte(index)})`,
    `'\\x${'00'.repeat(length)}'::bytea`,
  );
}
