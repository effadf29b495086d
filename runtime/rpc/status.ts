import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { Metadata, type ServerInterceptingCall, type StatusObject } from '@grpc/grpc-js';
import { StatusSchema } from '#gen-google/rpc/status_pb.ts';
import { HopError, invalid, toConnectError } from '../errors/errors.ts';
import { addHeaders } from './call.ts';

/** 0 is gRPC's OK, which Connect has no name for. */
export type StatusCode = 0 | Code;

/** The names of gRPC's status codes, by number, as used in logs and metrics. */
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

/** An error as grpc-js sends it. leading: the initial metadata that a handler had set; with no message sent it goes here. */
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

type SentStatus = Parameters<ServerInterceptingCall['sendStatus']>[0];

/** Adds an ErrorInfo to a status of grpc-js itself, which refuses before any handler runs, with only a code and a text. */
export function explained(status: SentStatus): SentStatus {
  if (status.code === 0 || status.metadata) return status;
  return statusOf(toConnectError(refusal(status.code as number, status.details)));
}

function refusal(code: Code, details: string): HopError | ConnectError {
  if (details.startsWith('Received message compressed'))
    return new HopError(
      'unimplemented',
      'UNIMPLEMENTED',
      'A message may not be compressed; within the mesh it may be, by gzip or deflate.',
    );
  if (details === 'Failed to decompress message')
    return invalid('', 'The message is not compressed as grpc-encoding says.', 'MALFORMED_REQUEST');
  if (details.startsWith('Invalid grpc-timeout'))
    return invalid('', 'The grpc-timeout is not a number of at most eight digits with a unit.', 'MALFORMED_REQUEST');
  // For a known method: there was no message, or more than one.
  if (code === Code.Unimplemented) return invalid('', 'The call takes one message.', 'MALFORMED_REQUEST');
  if (code === Code.ResourceExhausted)
    return new HopError('limited', 'REQUEST_TOO_LARGE', 'The request is larger than the call takes.');
  return new ConnectError(details, code);
}
