import { create, createRegistry, toBinary, toJsonString } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { type Status, StatusSchema } from '#gen-google/rpc/status_pb.ts';
import { type HopError, toConnectError } from '#runtime/errors/errors.ts';

const detailTypes = createRegistry(ErrorInfoSchema, BadRequestSchema, RetryInfoSchema);

/** The error as google.rpc.Status, with the same details that a service would send. */
export function statusOf(error: HopError): Status {
  const onWire = toConnectError(error);
  const details = onWire.details.flatMap((detail) =>
    'desc' in detail ? [anyPack(detail.desc, create(detail.desc, detail.value))] : [],
  );
  return create(StatusSchema, { code: onWire.code, message: onWire.rawMessage, details });
}

/** The body of an error over REST. */
export function errorBody(error: HopError): string {
  return toJsonString(StatusSchema, statusOf(error), {
    registry: detailTypes,
    useProtoFieldName: true,
    alwaysEmitImplicit: true,
  });
}

/** The value of grpc-status-details-bin. */
export const statusDetails = (error: HopError): string => statusInBase64(statusOf(error));

/** Base64 without padding, as gRPC writes binary metadata. */
export function statusInBase64(status: Status): string {
  return Buffer.from(toBinary(StatusSchema, status)).toString('base64').replace(/=+$/, '');
}
