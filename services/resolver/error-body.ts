import { errorDomain } from '#runtime/errors/errors.ts';
import type { Reason } from '#runtime/errors/reasons.ts';

export interface ErrorBody {
  /** A gRPC status code. */
  readonly code: number;
  readonly message: string;
  readonly reason: Reason;
  readonly retryAfterSeconds?: number;
}

export const jsonType = 'application/json';

/** google.rpc.Status in JSON, as every error of the API looks. */
export function errorBody({ code, message, reason, retryAfterSeconds }: ErrorBody): Buffer {
  const details: object[] = [
    { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: errorDomain, metadata: {} },
  ];
  if (retryAfterSeconds !== undefined) {
    details.push({ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retry_delay: `${retryAfterSeconds}s` });
  }
  return Buffer.from(JSON.stringify({ code, message, details }));
}
