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

/** gRPC or gRPC-Web: Envoy's grpc_web filter, which runs before ext_authz, has converted the latter to the former. */
export function protocolOf(contentType: string | undefined): Protocol {
  return contentType?.toLowerCase().startsWith('application/grpc') ? 'grpc' : 'rest';
}

/** When a dependency of the check did not answer in time: it is down, or as good as. */
const retryMs = 1_000;

/** A refusal. A REST client reads it from status and body, a gRPC client from headers alone. */
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
    // Distinguishes this 500 from the one that Envoy's check produces itself (envoy/local-replies.ts).
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
 * gRPC's trailers-only response. For native gRPC Envoy would send 200 and its own grpc-status in any case; a gRPC-Web client would get the
 * HTTP status, and does not read the details unless it is 200. The content type keeps the grpc_web filter from turning the body into a
 * message; for native gRPC Envoy sets the right one.
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

/** A header that replaces any existing one of its name. */
export function header(key: string, value: string) {
  return { header: { key, value }, appendAction: AppendAction.OVERWRITE_IF_EXISTS_OR_ADD };
}

function retryAfterOf({ retryAfterMs }: HopError): Record<string, string> {
  return retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) };
}
