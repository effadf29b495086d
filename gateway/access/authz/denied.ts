import type { MessageInitShape } from '@bufbuild/protobuf';
import { HeaderValueOption_HeaderAppendAction as AppendAction } from '#gen-envoy/config/core/v3/base_pb.ts';
import type { CheckResponseSchema } from '#gen-envoy/service/auth/v3/external_auth_pb.ts';
import { StatusCode } from '#gen-envoy/type/v3/http_status_pb.ts';
import { challengeOf, type ErrorKind, type HopError, unavailable } from '#runtime/errors/errors.ts';
import { errorBody, statusDetails, statusOf } from '#runtime/http/error-body.ts';

export type CheckAnswer = MessageInitShape<typeof CheckResponseSchema>;
export type Protocol = 'rest' | 'grpc';

const httpStatuses: Partial<Record<ErrorKind, StatusCode>> = {
  invalid: StatusCode.BadRequest,
  unauthenticated: StatusCode.Unauthorized,
  forbidden: StatusCode.Forbidden,
  not_found: StatusCode.NotFound,
  limited: StatusCode.TooManyRequests,
  unavailable: StatusCode.ServiceUnavailable,
};

/** gRPC and gRPC-Web both: Envoy's grpc_web filter, which stands before ext_authz, has made the one of the other. */
export function protocolOf(contentType: string | undefined): Protocol {
  return contentType?.toLowerCase().startsWith('application/grpc') ? 'grpc' : 'rest';
}

/** After a part that is asked who calls did not answer in time: it is down, or as good as. */
const retryMs = 1_000;

/** A refusal. What a client of REST reads from status and body, one of gRPC reads from headers alone. */
export function denied(thrown: HopError, protocol: Protocol, more: Readonly<Record<string, string>> = {}): CheckAnswer {
  const error = thrown.kind === 'timeout' ? unavailable(thrown.reason, thrown.message, retryMs, thrown) : thrown;
  const status = statusOf(error);
  const challenge = challengeOf(error);
  const common = {
    'cache-control': 'no-store',
    ...(challenge ? { 'www-authenticate': challenge } : {}),
    ...retryAfterOf(error),
    ...more,
  };
  const [code, headers, body] =
    protocol === 'grpc'
      ? [StatusCode.OK, { ...common, ...trailersOnly(error) }, '']
      : [
          httpStatuses[error.kind] ?? StatusCode.InternalServerError,
          { ...common, 'content-type': 'application/json' },
          errorBody(error),
        ];
  return {
    status: { code: status.code },
    // So that a 500 is not taken for the one that Envoy makes of a check by itself (envoy/local-replies.ts).
    dynamicMetadata: { answered: true },
    httpResponse: {
      case: 'deniedResponse',
      value: {
        status: { code },
        headers: Object.entries(headers).map(([key, value]) => header(key, value)),
        body,
      },
    },
  };
}

/**
 * The answer that gRPC calls trailers-only. To native gRPC Envoy would send 200 and a grpc-status of its own whatever it
 * is given; a gRPC-Web client would get the HTTP status, and does not look for details beside one that is not 200. The
 * content type keeps the grpc_web filter from making a message of the body; to native gRPC Envoy sets the right one.
 */
function trailersOnly(error: HopError): Record<string, string> {
  const { code, message } = statusOf(error);
  return {
    'content-type': 'application/grpc-web+proto',
    'grpc-status': String(code),
    'grpc-message': encodeURIComponent(message),
    'grpc-status-details-bin': statusDetails(error),
  };
}

/** A header that replaces whatever of its name was there. */
export function header(key: string, value: string) {
  return { header: { key, value }, appendAction: AppendAction.OVERWRITE_IF_EXISTS_OR_ADD };
}

function retryAfterOf({ retryAfterMs }: HopError): Record<string, string> {
  return retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) };
}
