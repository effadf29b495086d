import { HopError } from '#runtime/errors/errors.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { AccountStore, PasswordRecord } from '../store.ts';
import type { LoginThrottle } from './login-throttle.ts';
import type { Passwords } from './passwords.ts';

/** Whether a password is the one of an account, wherever it is asked for: all guesses at an account count together. */
export interface PasswordCheck {
  /** Failures before count no more. */
  failuresSince(): Date;
  /** Takes one hash, right or wrong. Throws RESOURCE_EXHAUSTED with RetryInfo when too many wait. */
  passes(emailKey: string, record: PasswordRecord, password: string, signal?: AbortSignal): Promise<boolean>;
}

interface PasswordCheckParts {
  readonly store: Pick<AccountStore, 'addLoginFailure' | 'clearLoginFailures'>;
  readonly passwords: Pick<Passwords, 'matches'>;
  readonly throttle: LoginThrottle;
  readonly now: () => number;
}

const failureWindowMs = 3_600_000;

export function createPasswordCheck({ store, passwords, throttle, now }: PasswordCheckParts): PasswordCheck {
  const failuresSince = (): Date => new Date(now() - failureWindowMs);
  return {
    failuresSince,
    async passes(emailKey, { failures, passwordHash }, password, signal) {
      await throttle.wait(emailKey, failures, signal);
      const isRight = await passwords.matches(password, passwordHash, signal);
      if (!isRight) await store.addLoginFailure(emailKey, new Date(now()), failuresSince());
      else if (failures > 0) await store.clearLoginFailures(emailKey);
      return isRight;
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
