import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '../gen/google/rpc/error_details_pb.ts';
import { isReason, type Reason } from './reasons.ts';

/** Reasons of the client itself. */
type OwnReason =
  /** There was no answer. */
  | 'UNREACHABLE'
  /** Somebody else signed in, or the session moved to another workspace, after the client had begun to call: the call was not made in their name, or there. */
  | 'SESSION_CHANGED';

/** Why a call failed. */
export type ErrorReason = Reason | OwnReason;

/** A field of the request that violates a rule. */
export interface FieldViolation {
  /** The field's name in the contract, for example `long_url`. */
  readonly field: string;
  readonly description: string;
}

/** The error of every failed call. `message` is for people and may change; `reason` is for programs. */
export class HoplineError extends Error {
  override readonly name = 'HoplineError';
  readonly reason: ErrorReason;
  /** The gRPC code. */
  readonly code: Code;
  /** Details of the reason, for example `{ alias: 'spring' }`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldViolation[];
  /** How long the installation asks to wait, in milliseconds, if it does. */
  readonly retryAfterMs: number | undefined;

  constructor(error: ConnectError, ownReason?: OwnReason) {
    const [info] = error.findDetails(ErrorInfoSchema);
    const own = info === undefined ? ownReason : undefined;
    const lost = own === 'UNREACHABLE';
    super(lost ? 'No answer came: the network or the installation is down.' : error.rawMessage, { cause: error });
    this.code = lost ? Code.Unavailable : error.code;
    this.reason = own ?? (info && isReason(info.reason) ? info.reason : reasonByCode(error.code));
    this.metadata = info?.metadata ?? {};
    this.fields = error
      .findDetails(BadRequestSchema)
      .flatMap(({ fieldViolations }) => fieldViolations.map(({ field, description }) => ({ field, description })));
    this.retryAfterMs = retryAfterOf(error);
  }
}

/** Thrown instead of a call that would be made as another person than before, or in another workspace. */
export class SessionChanged extends Error {
  constructor() {
    super('Somebody else signed in, or the session moved to another workspace, meanwhile; this was not done there.');
  }
}

/** Any value that a call threw, as a HoplineError. A transport throws a ConnectError; anything else says nothing about the network. */
export function toHoplineError(thrown: unknown, signal?: AbortSignal): HoplineError {
  if (thrown instanceof HoplineError) return thrown;
  if (thrown instanceof SessionChanged)
    return new HoplineError(new ConnectError(thrown.message, Code.Aborted), 'SESSION_CHANGED');
  if (thrown instanceof ConnectError)
    return new HoplineError(thrown, isNetworkFailure(thrown, signal) ? 'UNREACHABLE' : undefined);
  return new HoplineError(ConnectError.from(thrown, Code.Internal));
}

/** A fetch that could not connect throws a TypeError; a broken connection in Node is an error with a code such as ECONNREFUSED. */
function isNetworkFailure({ code, cause }: ConnectError, signal: AbortSignal | undefined): boolean {
  // In Node a connection that was closed in the middle of a call looks like a call that its caller stopped.
  if (code === Code.Canceled) return !signal?.aborted;
  if (code === Code.DeadlineExceeded) return false;
  return cause instanceof TypeError || (cause instanceof Error && 'code' in cause && typeof cause.code === 'string');
}

/** An error without an ErrorInfo was not made by a service; Envoy sends only a code. */
function reasonByCode(code: Code): Reason {
  return reasonsByCode[code] ?? 'INTERNAL';
}

const reasonsByCode: Readonly<Partial<Record<Code, Reason>>> = {
  [Code.Canceled]: 'CANCELED',
  [Code.InvalidArgument]: 'INVALID_ARGUMENT',
  [Code.DeadlineExceeded]: 'DEADLINE_EXCEEDED',
  [Code.NotFound]: 'NOT_FOUND',
  [Code.AlreadyExists]: 'ALREADY_EXISTS',
  [Code.PermissionDenied]: 'SCOPE_MISSING',
  [Code.ResourceExhausted]: 'RATE_LIMITED',
  [Code.FailedPrecondition]: 'PRECONDITION_FAILED',
  [Code.Unimplemented]: 'UNIMPLEMENTED',
  [Code.Unavailable]: 'DEPENDENCY_UNAVAILABLE',
  [Code.Unauthenticated]: 'CREDENTIALS_INVALID',
};

function retryAfterOf(error: ConnectError): number | undefined {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  if (delay) return Number(delay.seconds) * 1_000 + Math.ceil(delay.nanos / 1_000_000);
  const seconds = Number(error.metadata.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : undefined;
}
