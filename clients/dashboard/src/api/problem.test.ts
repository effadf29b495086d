import { Code, ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { isPassing, problemOf } from './problem.ts';

beforeAll(() => void vi.stubGlobal('navigator', { onLine: true }));
afterAll(() => void vi.unstubAllGlobals());

const refused = (code: Code, reason: string, more: ConstructorParameters<typeof ConnectError>[3] = []) =>
  new ConnectError('said by a service', code, undefined, [
    { desc: ErrorInfoSchema, value: { reason, domain: 'hopline' } },
    ...more,
  ]);

describe('a problem', () => {
  it('is told by its reason, with what is wrong in which field', () => {
    const violations = [{ field: 'patch.long_url', description: 'has no host' }];
    const error = refused(Code.InvalidArgument, 'DESTINATION_INVALID', [
      { desc: BadRequestSchema, value: { fieldViolations: violations } },
    ]);
    expect(problemOf(error)).toMatchObject({
      reason: 'DESTINATION_INVALID',
      title: 'That address cannot be linked to',
      fields: { long_url: 'has no host' },
    });
  });

  it('that passes says when to come back', () => {
    const error = refused(Code.Unavailable, 'OVERLOADED', [
      { desc: RetryInfoSchema, value: { retryDelay: { seconds: 1n, nanos: 500_000_000 } } },
    ]);
    expect([problemOf(error).retryAfterMs, isPassing(error)]).toEqual([1_500, true]);
    expect(isPassing(refused(Code.NotFound, 'LINK_NOT_FOUND'))).toBe(false);
  });

  it('of a limit says when it ends, also where a header alone tells it', () => {
    const limited = (seconds: string) => {
      const error = refused(Code.ResourceExhausted, 'RATE_LIMITED');
      error.metadata.set('retry-after', seconds);
      const { advice, retryAfterMs } = problemOf(error);
      return [advice, retryAfterMs];
    };
    expect(limited('2')).toEqual(['You can try again in 2 seconds.', 2_000]);
    expect(limited('1501')).toEqual(['You can try again in 26 minutes.', 1_501_000]);
    expect(limited('soon')).toEqual(['Wait a moment before you try again.', undefined]);
  });

  it.each([
    [new TypeError('Failed to fetch'), 'UNREACHABLE'],
    [new DOMException('late', 'TimeoutError'), 'DEADLINE_EXCEEDED'],
    [new ConnectError('late', Code.DeadlineExceeded), 'DEADLINE_EXCEEDED'],
    [new ConnectError('who', Code.Unauthenticated), 'CREDENTIALS_INVALID'],
    [new Error('a bug'), 'INTERNAL'],
    [refused(Code.Aborted, 'A_REASON_OF_TOMORROW'), 'A_REASON_OF_TOMORROW'],
  ])('without a reason has one all the same: %s', (error, reason) => {
    const problem = problemOf(error);
    expect(problem.reason).toBe(reason);
    expect(problem.title).not.toBe('');
    expect(`${problem.title} ${problem.advice}`).not.toMatch(/[A-Z]+_[A-Z]+/);
  });
});
