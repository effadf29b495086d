import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { isReason, type Reason, reasons } from './reasons.ts';

/** The domain of every ErrorInfo of this mesh. */
export const errorDomain = 'hopline';

/** Why a call failed; `codes` maps each kind to its gRPC code. */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'taken'
  | 'stale'
  | 'precondition'
  | 'limited'
  | 'unavailable'
  | 'timeout'
  | 'canceled'
  | 'unimplemented'
  | 'internal';

/** What is wrong with one field; the path is spelled as in the proto, for example "tags[2]". */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

interface HopErrorInit {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly Violation[];
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/**
 * The one error of the mesh. kind decides the gRPC code, reason is for programs, message for people. The message, the
 * metadata and the violations reach the caller; the cause is logged and never sent.
 */
export class HopError extends Error {
  override readonly name = 'HopError';
  readonly kind: ErrorKind;
  readonly reason: Reason;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly Violation[];
  readonly retryAfterMs: number | undefined;

  constructor(kind: ErrorKind, reason: Reason, message: string, init: HopErrorInit = {}) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.kind = kind;
    this.reason = reason;
    this.metadata = init.metadata ?? {};
    this.violations = init.violations ?? [];
    this.retryAfterMs = init.retryAfterMs;
  }
}

/** One field of the request is invalid; an empty field means the request as a whole. */
export function invalid(field: string, description: string, reason: Reason = 'INVALID_ARGUMENT'): HopError {
  return invalidFields([{ field, description }], reason);
}

/** An error is sent in headers, and one that does not fit ends the connection, with all other calls on it. */
const mostViolations = 50;

/** Everything that is wrong with a request, reported at once; if there is too much, the first part of it. */
export function invalidFields(all: readonly Violation[], reason: Reason = 'INVALID_ARGUMENT'): HopError {
  const violations = all.slice(0, mostViolations);
  const message = violations
    .map(({ field, description }) => (field ? `${field}: ${description}` : description))
    .join('; ');
  return new HopError('invalid', reason, message, { violations });
}

/** The caller is not known. */
export function unauthenticated(reason: Reason, message: string): HopError {
  return new HopError('unauthenticated', reason, message);
}

/** The caller is known, but may not do this. Where it may not even know of the thing, use notFound. */
export function forbidden(reason: Reason, message: string, metadata: Record<string, string> = {}): HopError {
  return new HopError('forbidden', reason, message, { metadata });
}

/** It does not exist, or the caller has no access to it. */
export function notFound(reason: Reason, message: string): HopError {
  return new HopError('not_found', reason, message);
}

/** The name belongs to something else already. */
export function taken(reason: Reason, message: string, metadata: Record<string, string> = {}): HopError {
  return new HopError('taken', reason, message, { metadata });
}

/** The thing was changed since the caller read it. */
export function stale(reason: Reason, message: string): HopError {
  return new HopError('stale', reason, message);
}

/** The current state does not allow the call. */
export function precondition(reason: Reason, message: string, metadata: Record<string, string> = {}): HopError {
  return new HopError('precondition', reason, message, { metadata });
}

/** The caller makes too many calls, and may try again after this time. */
export function limited(reason: Reason, message: string, retryAfterMs: number): HopError {
  return new HopError('limited', reason, message, { retryAfterMs });
}

/** A temporary fault of ours; nothing was done, or the call may be repeated after this time. The cause is logged, not sent. */
export function unavailable(reason: Reason, message: string, retryAfterMs: number, cause?: unknown): HopError {
  return new HopError('unavailable', reason, message, { retryAfterMs, cause });
}

/** The deadline has passed; what was begun may have been done. */
export function timedOut(message = 'The answer was not ready in time.'): HopError {
  return new HopError('timeout', 'DEADLINE_EXCEEDED', message, { retryAfterMs: defaultRetryMs });
}

/** Nobody is waiting for the answer any more. */
export function canceled(): HopError {
  return new HopError('canceled', 'CANCELED', 'The caller went away.');
}

/** A fault of ours: the caller learns nothing more. */
export function internal(cause: unknown): HopError {
  return new HopError('internal', 'INTERNAL', 'An internal error occurred.', { cause });
}

/** The one table of kinds and codes; Envoy derives the HTTP status from the code. */
const codes: Readonly<Record<ErrorKind, Code>> = {
  invalid: Code.InvalidArgument,
  unauthenticated: Code.Unauthenticated,
  forbidden: Code.PermissionDenied,
  not_found: Code.NotFound,
  taken: Code.AlreadyExists,
  stale: Code.Aborted,
  precondition: Code.FailedPrecondition,
  limited: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
  timeout: Code.DeadlineExceeded,
  canceled: Code.Canceled,
  unimplemented: Code.Unimplemented,
  internal: Code.Internal,
};

/** How to read an error made elsewhere: the kind for its code, and the reason it gets because it has none. */
const kinds: Partial<Record<Code, readonly [ErrorKind, Reason]>> = {
  [Code.InvalidArgument]: ['invalid', 'INVALID_ARGUMENT'],
  [Code.OutOfRange]: ['invalid', 'INVALID_ARGUMENT'],
  [Code.Unauthenticated]: ['unauthenticated', 'CREDENTIALS_INVALID'],
  [Code.PermissionDenied]: ['forbidden', 'ROLE_MISSING'],
  [Code.NotFound]: ['not_found', 'NOT_FOUND'],
  [Code.AlreadyExists]: ['taken', 'ALREADY_EXISTS'],
  [Code.Aborted]: ['stale', 'ETAG_STALE'],
  [Code.FailedPrecondition]: ['precondition', 'PRECONDITION_FAILED'],
  [Code.ResourceExhausted]: ['limited', 'RATE_LIMITED'],
  [Code.Unavailable]: ['unavailable', 'DEPENDENCY_UNAVAILABLE'],
  [Code.DeadlineExceeded]: ['timeout', 'DEADLINE_EXCEEDED'],
  [Code.Canceled]: ['canceled', 'CANCELED'],
  [Code.Unimplemented]: ['unimplemented', 'UNIMPLEMENTED'],
};

const defaultRetryMs = 1_000;

/**
 * The challenge of a 401, which says how to authenticate (RFC 9110, 11.6.1). By RFC 6750 it names an error only if the call had a
 * credential; an invalid password or refresh token is none.
 */
export function challengeOf({ kind, reason }: HopError): string | undefined {
  if (kind !== 'unauthenticated') return undefined;
  const realm = 'Bearer realm="hopline"';
  return reason === 'CREDENTIALS_INVALID' || reason === 'CREDENTIALS_EXPIRED'
    ? `${realm}, error="invalid_token"`
    : realm;
}

/** The error as sent to the caller. Anything but a HopError or the error of a call becomes INTERNAL, without details. */
export function toConnectError(error: unknown): ConnectError {
  const known = error instanceof HopError ? error : fromConnectError(error);
  const details: ConnectError['details'] = [
    { desc: ErrorInfoSchema, value: { reason: known.reason, domain: errorDomain, metadata: known.metadata } },
  ];
  if (known.violations.length > 0) {
    details.push({ desc: BadRequestSchema, value: { fieldViolations: known.violations } });
  }
  const headers = new Headers();
  if (known.retryAfterMs !== undefined) {
    const milliseconds = Math.max(0, Math.ceil(known.retryAfterMs));
    const retryDelay = { seconds: BigInt(Math.floor(milliseconds / 1_000)), nanos: (milliseconds % 1_000) * 1_000_000 };
    details.push({ desc: RetryInfoSchema, value: { retryDelay } });
    headers.set('retry-after', String(Math.max(1, Math.ceil(milliseconds / 1_000))));
  }
  // Of its code alone Envoy would make a 429, after which clients wait and try again.
  if (known.reason === 'REQUEST_TOO_LARGE') headers.set('x-status', '413');
  const challenge = challengeOf(known);
  if (challenge) headers.set('www-authenticate', challenge);
  const onWire = new ConnectError(known.message, codes[known.kind], headers, undefined, known.cause ?? error);
  onWire.details = details;
  return onWire;
}

/**
 * What a call threw, as a HopError. An error of one of our services keeps its kind, reason and details; one about the caller token that
 * this process sent is our fault, not that of the person behind the call.
 */
export function fromConnectError(error: unknown): HopError {
  if (error instanceof HopError) return error;
  if (!(error instanceof ConnectError)) return internal(error);
  const info = error.findDetails(ErrorInfoSchema)[0];
  const code = info ? error.code : codeWithoutInfo(error);
  const [kind, defaultReason] = kinds[code] ?? ['internal', 'INTERNAL'];
  const reason = info?.domain === errorDomain && isReason(info.reason) ? info.reason : defaultReason;
  if (kind === 'internal' || reason.startsWith('CALLER_')) return internal(error);
  const violations = error.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
  const passing = kind === 'unavailable' || kind === 'limited' || kind === 'timeout';
  const retryAfterMs = retryAfter(error) ?? (passing ? defaultRetryMs : undefined);
  return new HopError(kind, reason, info ? error.rawMessage : reasons[defaultReason].sentence, {
    metadata: info?.metadata ?? {},
    violations: violations.map(({ field, description }) => ({ field, description })),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    cause: error,
  });
}

/**
 * An error without an ErrorInfo was not made by one of our handlers. A connection that broke during a call surfaces from connect-node as
 * ABORTED or INTERNAL with Node's error as its cause: the other side is unavailable.
 */
function codeWithoutInfo(error: ConnectError): Code {
  const broken = error.cause instanceof Error && 'code' in error.cause && typeof error.cause.code === 'string';
  return broken && (error.code === Code.Aborted || error.code === Code.Internal) ? Code.Unavailable : error.code;
}

function retryAfter(error: ConnectError): number | undefined {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay && Number(delay.seconds) * 1_000 + delay.nanos / 1_000_000;
}
