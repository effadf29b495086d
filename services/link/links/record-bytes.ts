import { toBinary } from '@bufbuild/protobuf';
import { type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';

/** The record as the tables keep it. */
export function bytesOf(record: LinkRecord): Buffer {
  return Buffer.from(toBinary(LinkRecordSchema, record));
}

const seconds = (at: string): string => `floor(extract(epoch from ${at}))::bigint`;
const nanos = (at: string): string => `(extract(milliseconds from ${at})::bigint % 1000 * 1000000)`;

/**
 * SQL for what a record lacks until the database gave it: version (field 4), created_at (14) and updated_at (15), to be put
 * behind the record's bytes. Varints are padded to a fixed length, which every reader of protobuf takes. A time has
 * milliseconds; seconds fit for a thousand years.
 */
export function stampOf({ version, at }: { readonly version: string; readonly at: string }): string {
  const time = timeOf(at);
  return `('\\x20'::bytea || ${varint(version, 9)} || '\\x720c'::bytea || ${time} || '\\x7a0c'::bytea || ${time})`;
}

/** SQL for expires_at (field 16), to be put behind the record's bytes in the same way. */
export function endStampOf(at: string): string {
  return `('\\x82010c'::bytea || ${timeOf(at)})`;
}

function timeOf(at: string): string {
  return `'\\x08'::bytea || ${varint(seconds(at), 5)} || '\\x10'::bytea || ${varint(nanos(at), 5)}`;
}

/** 7 bits a byte, the lowest first, all but the last with the bit that says that more follow. */
function varint(value: string, length: number): string {
  const byte = (index: number): string =>
    `((${value} >> ${7 * index}) & 127 | ${index < length - 1 ? 128 : 0})::integer`;
  const indexes = Array.from({ length }, (_, index) => index);
  return indexes.reduce(
    (bytes, index) => `set_byte(${bytes}, ${index}, ${byte(index)})`,
    `'\\x${'00'.repeat(length)}'::bytea`,
  );
}
