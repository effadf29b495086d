import { HopError } from '#runtime/errors/errors.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { AccountStore, LoginAttempt, PasswordRecord } from '../store.ts';
import type { AccountQueues } from './account-queues.ts';
import type { LoginThrottle } from './login-throttle.ts';
import type { Passwords } from './passwords.ts';

/** Whether a password is the one of an account, wherever it is asked for: all guesses at an account count together. */
export interface PasswordCheck {
  /** Failures before count no more. */
  failuresSince(): Date;
  /**
   * Takes one hash, right or wrong. Throws RESOURCE_EXHAUSTED with RetryInfo when too many wait. A guess is counted before it is looked at,
   * so that guesses sent at once do not all find the count of before; one that is not looked at is taken off again.
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
      // One that stays counted slows the next a little, for an hour; the caller is to know why this one was refused.
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
      // First of all by what was read: of a flood, those who would be refused write nothing.
      throttle.refuseWhenFull(emailKey, failures);
      return queues.run(emailKey, () => counted(emailKey, matches), signal);
    },
  };
}

/** Of a password that was not looked at, for too many were wrong before. */
export function countLimited(asked: 'logins' | 'passwordsConfirmed'): (error: unknown) => never {
  return (error) => {
    if (error instanceof HopError && error.kind === 'limited') counter(metric[asked]).add(1, { outcome: 'limited' });
    throw error;
  };
}
