import { toBinary } from '@bufbuild/protobuf';
import { type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';

/** The record as the tables keep it. */
export function bytesOf(record: LinkRecord): Buffer {
  return Buffer.from(toBinary(LinkRecordSchema, record));
}
