import { HopError, invalid, stale } from '#runtime/errors/errors.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { AccountStore, LoginAttempt, OwnPassword, PasswordRecord } from '../store.ts';
import type { AccountQueues } from './account-queues.ts';
import type { LoginThrottle } from './login-throttle.ts';
import type { Passwords } from './passwords.ts';

/** Checks a password of an account, wherever one is needed: all guesses at an account count together. */
export interface PasswordCheck {
  /** Earlier failures no longer count. */
  failuresSince(): Date;
  /**
   * Takes one hash, right or wrong. Throws RESOURCE_EXHAUSTED with RetryInfo when too many wait for the account, UNAVAILABLE when too many
   * wait in all. A guess is counted before it is checked, so that concurrent guesses do not all see the earlier count; one that is not
   * checked is subtracted again.
   */
  passes(emailKey: string, record: PasswordRecord, password: string, signal?: AbortSignal): Promise<boolean>;
  /** The same for a signed-in person who is asked for it once more. */
  confirms(record: OwnPassword, password: string, signal?: AbortSignal): Promise<boolean>;
}

/** How often a change that is confirmed with a password is tried: one that loses against a change of the password is checked with the new one. */
export const mostConfirmations = 3;

interface PasswordCheckParts {
  readonly store: Pick<AccountStore, 'countLoginAttempt' | 'uncountLoginAttempt' | 'clearLoginFailures'>;
  readonly passwords: Pick<Passwords, 'matches'>;
  readonly throttle: LoginThrottle;
  readonly queues: AccountQueues;
  readonly now: () => number;
}

const failureWindowMs = 3_600_000;

export function createPasswordCheck({ store, passwords, throttle, queues, now }: PasswordCheckParts): PasswordCheck {
  const failuresSince = (): Date => new Date(now() - failureWindowMs);

  const counted = async (emailKey: string, matches: (attempt: LoginAttempt) => Promise<boolean>): Promise<boolean> => {
    const attempt = await store.countLoginAttempt(emailKey, new Date(now()), failuresSince());
    const isRight = await matches(attempt).catch(async (error: unknown) => {
      // If it stays counted, the next attempts are slightly slower for an hour; the caller must learn why this one was refused.
      await store.uncountLoginAttempt(emailKey, attempt).catch(() => {});
      throw error;
    });
    if (isRight) await store.clearLoginFailures(emailKey);
    return isRight;
  };

  const passes: PasswordCheck['passes'] = async (emailKey, { failures, passwordHash }, password, signal) => {
    const matches = async ({ failuresBefore }: LoginAttempt): Promise<boolean> => {
      await throttle.wait(emailKey, failuresBefore, signal);
      return passwords.matches(password, passwordHash, signal);
    };
    // First by the count that was read: in a flood, those who would be refused write nothing.
    throttle.refuseWhenFull(emailKey, failures);
    return queues.run(emailKey, () => counted(emailKey, matches), signal);
  };

  return {
    failuresSince,
    passes,
    async confirms(record, password, signal) {
      const isRight = await passes(record.emailKey, record, password, signal).catch(countLimited('passwordsConfirmed'));
      counter(metric.passwordsConfirmed).add(1, { outcome: isRight ? 'ok' : 'failed' });
      return isRight;
    },
  };
}

/** Not UNAUTHENTICATED: the call's credential is valid, and clients react to a 401 by renewing it or signing out. */
export function currentPasswordWrong(): HopError {
  return invalid('current_password', 'The current password is wrong.', 'CURRENT_PASSWORD_WRONG');
}

export function changedElsewhere(): HopError {
  return stale('ETAG_STALE', 'The password was changed elsewhere at the same time; try again.');
}

/** Counts a password that was not checked, because of too many failures or attempts of its account. */
export function countLimited(asked: 'logins' | 'passwordsConfirmed'): (error: unknown) => never {
  return (error) => {
    if (error instanceof HopError && error.kind === 'limited') counter(metric[asked]).add(1, { outcome: 'limited' });
    throw error;
  };
}
