import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { type Advice, adviceFor } from './advice.ts';

/** What went wrong, in words for a person. Never a code, a stack trace or JSON. */
export interface Problem extends Advice {
  /** The ErrorInfo's reason; `OFFLINE` or `UNREACHABLE` if there was no answer. */
  readonly reason: string;
  /** The invalid fields of the request, by their names in the contract, for example `long_url`. */
  readonly fields: Readonly<Record<string, string>>;
  /** How long the mesh asks to wait, in milliseconds, if it does. */
  readonly retryAfterMs: number | undefined;
}

/** Reads the error of any call. Any other error is a fault of this program. */
export function problemOf(error: unknown): Problem {
  const failure = ConnectError.from(error);
  const reason = reasonOf(failure, error);
  const retryAfterMs = retryAfterOf(failure);
  return {
    reason,
    ...adviceFor(reason),
    ...(reason === 'RATE_LIMITED' &&
      retryAfterMs !== undefined && { advice: `You can try again ${whenIn(retryAfterMs)}.` }),
    fields: fieldsOf(failure),
    retryAfterMs,
  };
}

/** Whether a retry may help without anybody changing anything. */
export function isPassing(error: unknown): boolean {
  return problemOf(error).passes === true;
}

export function isSignedOut(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unauthenticated;
}

function reasonOf(failure: ConnectError, error: unknown): string {
  const [info] = failure.findDetails(ErrorInfoSchema);
  if (info) return info.reason;
  if (!navigator.onLine) return 'OFFLINE';
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'DEADLINE_EXCEEDED';
  // A fetch that could not connect throws a TypeError, which Connect passes on as the cause.
  if (failure.cause instanceof TypeError || error instanceof TypeError) return 'UNREACHABLE';
  if (failure.code === Code.DeadlineExceeded) return 'DEADLINE_EXCEEDED';
  if (failure.code === Code.Canceled) return 'CANCELED';
  if (failure.code === Code.Unauthenticated) return 'CREDENTIALS_INVALID';
  return failure.code === Code.Unavailable ? 'DEPENDENCY_UNAVAILABLE' : 'INTERNAL';
}

function fieldsOf(failure: ConnectError): Record<string, string> {
  const violations = failure.findDetails(BadRequestSchema).flatMap((detail) => detail.fieldViolations);
  return Object.fromEntries(violations.map(({ field, description }) => [field.replace(/^patch\./, ''), description]));
}

function retryAfterOf(failure: ConnectError): number | undefined {
  const delay = failure.findDetails(RetryInfoSchema)[0]?.retryDelay;
  if (delay) return Number(delay.seconds) * 1_000 + Math.ceil(delay.nanos / 1_000_000);
  // For Envoy's own limits only the header gives the time (docs/errors.md).
  const seconds = Number(failure.metadata.get('retry-after') ?? Number.NaN);
  return seconds >= 0 ? seconds * 1_000 : undefined;
}

/** In the language of the sentence that it ends. */
const relative = new Intl.RelativeTimeFormat('en');

/** "in 20 seconds", "in 5 minutes" */
function whenIn(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1_000));
  return seconds < 100 ? relative.format(seconds, 'second') : relative.format(Math.ceil(seconds / 60), 'minute');
}
