import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { Code, ConnectError } from '@connectrpc/connect';
import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { StatusSchema } from '#gen-google/rpc/status_pb.ts';
import { addHeaders } from './call.ts';

/** 0 is gRPC's OK, which Connect has no name for. */
export type StatusCode = 0 | Code;

/** The names of gRPC's status codes, by number, as they stand in logs and metrics. */
export const statusNames: readonly string[] = [
  'ok',
  'canceled',
  'unknown',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'out_of_range',
  'unimplemented',
  'internal',
  'unavailable',
  'data_loss',
  'unauthenticated',
];

export function statusName(code: number): string {
  return statusNames[code] ?? 'unknown';
}

/** An error as grpc-js sends it. leading holds what a handler had set as initial metadata: with no message sent it goes here. */
export function statusOf(error: ConnectError, leading?: Metadata): StatusObject {
  const metadata = leading ?? new Metadata();
  addHeaders(metadata, error.metadata);
  const status = create(StatusSchema, {
    code: error.code,
    message: error.rawMessage,
    details: error.details.map((detail) =>
      'desc' in detail
        ? anyPack(detail.desc, create(detail.desc, detail.value))
        : { typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value },
    ),
  });
  metadata.set('grpc-status-details-bin', Buffer.from(toBinary(StatusSchema, status)));
  return { code: error.code as number, details: error.rawMessage, metadata };
}
