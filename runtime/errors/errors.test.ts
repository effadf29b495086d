import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import {
  canceled,
  forbidden,
  fromConnectError,
  HopError,
  internal,
  invalidFields,
  limited,
  notFound,
  precondition,
  stale,
  taken,
  timedOut,
  toConnectError,
  unauthenticated,
  unavailable,
} from './errors.ts';
import { reasons } from './reasons.ts';

const table: readonly [HopError, Code][] = [
  [invalidFields([{ field: 'tags[2]', description: 'is too long' }]), Code.InvalidArgument],
  [unauthenticated('CREDENTIALS_MISSING', 'who?'), Code.Unauthenticated],
  [forbidden('SCOPE_MISSING', 'no', { scope: 'links:write' }), Code.PermissionDenied],
  [notFound('LINK_NOT_FOUND', 'none'), Code.NotFound],
  [taken('ALIAS_TAKEN', 'taken', { alias: 'a' }), Code.AlreadyExists],
  [stale('ETAG_STALE', 'stale'), Code.Aborted],
  [precondition('LINK_EXPIRED', 'over'), Code.FailedPrecondition],
  [limited('RATE_LIMITED', 'slower', 1_500), Code.ResourceExhausted],
  [unavailable('OVERLOADED', 'busy', 20), Code.Unavailable],
  [timedOut(), Code.DeadlineExceeded],
  [canceled(), Code.Canceled],
  [new HopError('unimplemented', 'UNIMPLEMENTED', 'none'), Code.Unimplemented],
];

describe('errors', () => {
  it.each(table)('goes over the wire and back: %s', (error, code) => {
    const onWire = toConnectError(error);
    expect(onWire.code).toBe(code);
    const { kind, reason, message, metadata, violations, retryAfterMs } = fromConnectError(onWire);
    expect({ kind, reason, message, metadata, violations, retryAfterMs }).toEqual({
      kind: error.kind,
      reason: error.reason,
      message: error.message,
      metadata: error.metadata,
      violations: error.violations,
      retryAfterMs: error.retryAfterMs,
    });
  });

  it('covers every kind', () => {
    expect(new Set([...table.map(([{ kind }]) => kind), internal(0).kind]).size).toBe(13);
  });

  it('rounds Retry-After up to whole seconds', () => {
    expect(toConnectError(limited('RATE_LIMITED', '', 1)).metadata.get('retry-after')).toBe('1');
    expect(toConnectError(limited('RATE_LIMITED', '', 1_001)).metadata.get('retry-after')).toBe('2');
  });

  it('says with every refusal of credentials how to call, and with no other', () => {
    const challenge = (error: HopError) => toConnectError(error).metadata.get('www-authenticate');
    expect(challenge(unauthenticated('CREDENTIALS_INVALID', ''))).toBe('Bearer realm="hopline", error="invalid_token"');
    for (const reason of ['CREDENTIALS_MISSING', 'LOGIN_FAILED', 'REFRESH_TOKEN_INVALID'] as const)
      expect(challenge(unauthenticated(reason, ''))).toBe('Bearer realm="hopline"');
    expect(challenge(forbidden('SCOPE_MISSING', ''))).toBeNull();
  });

  it('keeps the cause of a fault from the caller', () => {
    for (const error of [
      internal(new Error('secret')),
      new Error('secret'),
      'secret',
      new ConnectError('secret', Code.Internal),
    ]) {
      const onWire = toConnectError(error);
      expect([onWire.code, onWire.rawMessage]).toEqual([Code.Internal, 'An internal error occurred.']);
    }
  });

  it('takes a connection that broke for an absent service, and tells nothing of where it was', () => {
    const cause = Object.assign(new Error('connect ECONNRESET 10.0.0.7:7003'), { code: 'ECONNRESET' });
    const error = new ConnectError('read ECONNRESET 10.0.0.7', Code.Aborted, undefined, undefined, cause);
    expect(fromConnectError(error)).toMatchObject({
      kind: 'unavailable',
      message: reasons.DEPENDENCY_UNAVAILABLE.sentence,
      retryAfterMs: 1_000,
    });
  });

  it("does not blame a person for this process's own caller token", () => {
    expect(fromConnectError(toConnectError(unauthenticated('CALLER_INVALID', 'bad token'))).kind).toBe('internal');
  });
});
