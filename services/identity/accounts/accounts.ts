import {
  type HopError,
  invalidFields,
  notFound,
  taken,
  unauthenticated,
  type Violation,
} from '#runtime/errors/errors.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { Account, AccountStore, LoginRecord } from '../store.ts';
import { personalWorkspace } from '../workspaces/workspaces.ts';
import { type Email, emailKey, parseEmail } from './email.ts';
import { countLimited, type PasswordCheck } from './password-check.ts';
import { type Passwords, passwordFault } from './passwords.ts';
import { nameFault } from './person-name.ts';

interface SignUp {
  readonly email: string;
  readonly password: string;
  readonly name: string;
}

export interface Accounts {
  /** Creates a person with a personal workspace. */
  signUp(request: SignUp, signal?: AbortSignal): Promise<Account>;
  /** Returns the account with this email and password; refuses an unknown email exactly like a wrong password. */
  logIn(email: string, password: string, signal?: AbortSignal): Promise<Account>;
  find(userId: string, workspaceId: string): Promise<Account>;
}

interface AccountParts {
  readonly store: AccountStore;
  readonly passwords: Passwords;
  readonly check: PasswordCheck;
}

export function createAccounts({ store, passwords, check }: AccountParts): Accounts {
  return {
    async signUp(request, signal) {
      const email = checked(request);
      // Checked first, so that a taken email costs no hash; the constraint decides.
      if (await store.isEmailTaken(email.key)) throw signUpTaken();
      const passwordHash = await passwords.hash(request.password, signal);
      const account = await store.createAccount({
        email: email.given,
        emailKey: email.key,
        name: request.name.trim(),
        workspaceName: personalWorkspace,
        passwordHash,
      });
      if (account === 'email_taken') throw signUpTaken();
      counter(metric.signups).add(1, { outcome: 'ok' });
      return account;
    },

    async logIn(email, password, signal) {
      // An invalid address belongs to nobody; it takes the same path as an unknown one, encoded so that any store accepts it.
      const key = emailKey(email) ?? JSON.stringify(email);
      const record = await store.findLogin(key, check.failuresSince());
      const isRight = await check.passes(key, record, password, signal).catch(countLimited('logins'));
      if (!isRight || !record.account) {
        counter(metric.logins).add(1, { outcome: 'failed' });
        throw loginFailed();
      }
      // In the background: if there is no capacity for a hash now, the next log-in does it.
      void renewHash(store, passwords, record, password).catch(() => {});
      counter(metric.logins).add(1, { outcome: 'ok' });
      return record.account;
    },

    async find(userId, workspaceId) {
      const account = await store.findAccount(userId, workspaceId);
      if (!account) throw notFound('USER_NOT_FOUND', 'There is no such user in this workspace.');
      return account;
    },
  };
}

/** Throws with everything that is wrong at once. */
function checked({ email, password, name }: SignUp): Email {
  const parsed = parseEmail(email);
  const faults: Violation[] = [];
  if ('description' in parsed) faults.push(parsed);
  const fault = passwordFault('password', password, email);
  if (fault) faults.push({ field: fault.field, description: fault.description });
  const ofName = nameFault(name);
  if (ofName) faults.push(ofName);
  if (!('description' in parsed) && faults.length === 0) return parsed;
  counter(metric.signups).add(1, { outcome: 'refused' });
  throw invalidFields(faults, fault?.common && faults.length === 1 ? 'PASSWORD_TOO_COMMON' : 'INVALID_ARGUMENT');
}

/** After a change of the parameters, each hash is renewed at the next log-in: only then is the password available. */
async function renewHash(
  store: AccountStore,
  passwords: Passwords,
  { account, passwordHash }: LoginRecord,
  password: string,
): Promise<void> {
  if (!account || passwordHash === undefined || !passwords.isDated(passwordHash) || passwords.isBusy()) return;
  await store.replacePasswordHash(account.userId, passwordHash, await passwords.hash(password));
}

function signUpTaken(): HopError {
  counter(metric.signups).add(1, { outcome: 'taken' });
  return emailTaken();
}

export function emailTaken(): HopError {
  return taken('EMAIL_TAKEN', 'There is already an account with this email.');
}

export function loginFailed(): HopError {
  return unauthenticated('LOGIN_FAILED', 'The email or the password is wrong.');
}
