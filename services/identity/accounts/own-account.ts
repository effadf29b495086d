import { invalid, invalidFields, notFound, type Violation } from '#runtime/errors/errors.ts';
import type { Account, AccountStore, DeletionStore, OwnPassword, UserChange } from '../store.ts';
import { lastOwner } from '../workspaces/workspaces.ts';
import { emailTaken } from './accounts.ts';
import { type Email, parseEmail } from './email.ts';
import { changedElsewhere, currentPasswordWrong, mostConfirmations, type PasswordCheck } from './password-check.ts';
import { normalised, type Passwords, passwordFault } from './passwords.ts';
import { nameFault } from './person-name.ts';

interface PasswordChange {
  readonly userId: string;
  /** The caller's session, which stays open. */
  readonly sessionId: string;
  readonly currentPassword: string;
  readonly newPassword: string;
}

/** Undefined fields stay unchanged. */
interface ProfileChange {
  readonly userId: string;
  readonly workspaceId: string;
  readonly name: string | undefined;
  readonly email: string | undefined;
  readonly currentPassword: string;
}

interface Deletion {
  readonly userId: string;
  readonly currentPassword: string;
}

/** The changes that a person can make to their own account. */
export interface OwnAccount {
  /** Also ends all other sessions; returns how many. A repeated change is answered as successful. */
  changePassword(change: PasswordChange, signal?: AbortSignal): Promise<number>;
  update(change: ProfileChange, signal?: AbortSignal): Promise<Account>;
  /** Deletes the person with all their data. One who is already gone is answered as deleted. */
  delete(deletion: Deletion, signal?: AbortSignal): Promise<void>;
}

interface OwnAccountParts {
  readonly store: AccountStore & Pick<DeletionStore, 'deleteAccount'>;
  readonly passwords: Passwords;
  readonly check: PasswordCheck;
  /** Called when a person was deleted: there may be workspaces to close. */
  readonly onDeleted: () => void;
  readonly now: () => number;
}

export function createOwnAccount({ store, passwords, check, onDeleted, now }: OwnAccountParts): OwnAccount {
  const find = async (userId: string): Promise<OwnPassword> => {
    const record = await store.findPassword(userId, check.failuresSince());
    if (!record) throw notFound('USER_NOT_FOUND', 'The account is gone.');
    return record;
  };

  return {
    async changePassword({ userId, sessionId, currentPassword, newPassword }, signal) {
      for (let attempt = 0; attempt < mostConfirmations; attempt++) {
        const record = await find(userId);
        refuseUnfit(newPassword, currentPassword, record.email);
        if (!(await check.confirms(record, currentPassword, signal))) {
          // The response may have been lost, and this is the retry. It is accepted only from the session that made the change: for others
          // it would be a second guess.
          if (record.changedBy === sessionId && (await check.confirms(record, newPassword, signal))) return 0;
          throw currentPasswordWrong();
        }
        const revoked = await store.changePassword({
          userId,
          version: record.passwordVersion,
          passwordHash: await passwords.hash(newPassword, signal),
          keptSessionId: sessionId,
          at: new Date(now()),
        });
        if (revoked !== undefined) return revoked;
      }
      throw changedElsewhere();
    },

    async update({ userId, workspaceId, name, email, currentPassword }, signal) {
      const parsed = checked(name, email, currentPassword);
      let change: UserChange = { userId, workspaceId, name: name?.trim() };
      if (parsed) {
        const record = await find(userId);
        if (!(await check.confirms(record, currentPassword, signal))) throw currentPasswordWrong();
        const { given, key } = parsed;
        change = { ...change, email: { given, key, passwordVersion: record.passwordVersion } };
      }
      const account = await store.updateUser(change);
      if (account === 'email_taken') throw emailTaken();
      if (account === 'password_changed') throw currentPasswordWrong();
      if (!account) throw notFound('USER_NOT_FOUND', 'There is no such user in this workspace.');
      return account;
    },

    async delete({ userId, currentPassword }, signal) {
      for (let attempt = 0; attempt < mostConfirmations; attempt++) {
        const record = await store.findPassword(userId, check.failuresSince());
        // The response may have been lost, and this is the retry. Nobody else has this id.
        if (!record) return;
        if (!(await check.confirms(record, currentPassword, signal))) throw currentPasswordWrong();
        const outcome = await store.deleteAccount(userId, record.passwordVersion);
        if (outcome === 'last_owner') throw lastOwner();
        if (outcome === 'deleted') return onDeleted();
      }
      throw changedElsewhere();
    },
  };
}

function refuseUnfit(newPassword: string, currentPassword: string, email: string): void {
  const fault = passwordFault('new_password', newPassword, email);
  if (fault) throw invalid(fault.field, fault.description, fault.common ? 'PASSWORD_TOO_COMMON' : 'INVALID_ARGUMENT');
  if (normalised(newPassword) === normalised(currentPassword))
    throw invalid('new_password', 'This is the current password; choose another.');
}

/** The new email, if it is to change. Throws with everything that is wrong at once. */
function checked(name: string | undefined, email: string | undefined, currentPassword: string): Email | undefined {
  const ofName = name === undefined ? undefined : nameFault(name);
  const parsed = email === undefined ? undefined : parseEmail(email);
  const faults: Violation[] = [];
  if (ofName) faults.push(ofName);
  if (parsed && 'description' in parsed) faults.push(parsed);
  if (parsed && currentPassword === '')
    faults.push({ field: 'current_password', description: 'A change of the email needs the current password.' });
  if (faults.length > 0) throw invalidFields(faults);
  return parsed as Email | undefined;
}
