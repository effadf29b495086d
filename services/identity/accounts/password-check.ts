import { HopError } from '#runtime/errors/errors.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { AccountStore, LoginAttempt, PasswordRecord } from '../store.ts';
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
}

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

  return {
    failuresSince,
    async passes(emailKey, { failures, passwordHash }, password, signal) {
      const matches = async ({ failuresBefore }: LoginAttempt): Promise<boolean> => {
        await throttle.wait(emailKey, failuresBefore, signal);
        return passwords.matches(password, passwordHash, signal);
      };
      // First by the count that was read: in a flood, those who would be refused write nothing.
      throttle.refuseWhenFull(emailKey, failures);
      return queues.run(emailKey, () => counted(emailKey, matches), signal);
    },
  };
}

/** Counts a password that was not checked, because of too many failures or attempts of its account. */
export function countLimited(asked: 'logins' | 'passwordsConfirmed'): (error: unknown) => never {
  return (error) => {
    if (error instanceof HopError && error.kind === 'limited') counter(metric[asked]).add(1, { outcome: 'limited' });
    throw error;
  };
}
