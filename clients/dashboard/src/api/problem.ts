import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { type Advice, adviceFor } from './advice.ts';

/** What went wrong, told to a person. Never a code, a stack or JSON. */
export interface Problem extends Advice {
  /** The ErrorInfo's reason; `OFFLINE` and `UNREACHABLE` where no answer came. */
  readonly reason: string;
  /** What is wrong with which field of the request, by its name in the contract, for example `long_url`. */
  readonly fields: Readonly<Record<string, string>>;
  /** When the mesh asks to be left alone for a while: how long, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/** Reads an error of any call. What is not an error of a call is a fault of this program. */
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

/** True where asking again may help without anybody changing anything. */
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
  // A fetch that found nobody is a TypeError, which Connect passes on as its cause.
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
  // A limit that Envoy itself holds is told by the header alone (docs/errors.md).
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
