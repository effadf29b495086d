import { randomInt } from 'node:crypto';
import type { AccountStore } from '../store.ts';
import type { Passwords } from './passwords.ts';

interface IssuePasswordParts {
  readonly store: Pick<AccountStore, 'findLogin' | 'changePassword' | 'clearLoginFailures'>;
  readonly passwords: Pick<Passwords, 'hash'>;
  readonly now: () => Date;
}

export interface IssuedPassword {
  readonly userId: string;
  /** Random, some 99 bits; kept nowhere. */
  readonly password: string;
  /** How many sessions were ended: all that were open. */
  readonly endedSessions: number;
}

/** Without letters and digits that look alike. */
const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789';
const groups = 4;
const groupLength = 5;
/** A person may change the password at the same moment. */
const mostAttempts = 3;

/**
 * Gives a person who cannot sign in a new password, and ends all their sessions, since nobody knows who has opened them. Failed log-ins no
 * longer count. API keys stay valid. Undefined: nobody has this email.
 */
export async function issuePassword(
  { store, passwords, now }: IssuePasswordParts,
  emailKey: string,
): Promise<IssuedPassword | undefined> {
  const password = randomPassword();
  const passwordHash = await passwords.hash(password);
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const { account } = await store.findLogin(emailKey, now());
    if (!account) return undefined;
    const { userId, passwordVersion: version } = account;
    const change = { userId, version, passwordHash, keptSessionId: undefined, at: now() };
    const endedSessions = await store.changePassword(change);
    if (endedSessions === undefined) continue;
    await store.clearLoginFailures(emailKey);
    return { userId, password, endedSessions };
  }
  throw new Error('The password was changed elsewhere at the same time; try again.');
}

function randomPassword(): string {
  const letter = (): string => alphabet.charAt(randomInt(alphabet.length));
  const group = (): string => Array.from({ length: groupLength }, letter).join('');
  return Array.from({ length: groups }, group).join('-');
}
