import { createHash, randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HopError } from '#runtime/errors/errors.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { postgresStore } from './store.postgres.ts';
import type { Account, HeldToken, IdentityStore, SweepTimes, TokenDecision } from './store.ts';

let database: TestDatabase;
let pool: pg.Pool;
let store: IdentityStore;

beforeAll(async () => {
  database = await postgresFor('identity');
  pool = database.openPool({ max: 8, statementTimeoutMs: 20_000 });
  store = postgresStore(pool);
});
afterAll(() => database.drop());

const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest();
const inDays = (days: number): Date => new Date(Date.now() + days * 86_400_000);

async function makeAccount(): Promise<Account> {
  const email = `${randomUUID()}@example.com`;
  const made = await store.createAccount({
    email,
    emailKey: email,
    name: 'N',
    workspaceName: 'Personal',
    passwordHash: 'hashed',
  });
  if (made === 'email_taken') throw new Error('taken');
  return made;
}

async function rowsOf(table: string, where = 'true'): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(`select count(*)::int as n from identity.${table} where ${where}`);
  return rows[0]?.n ?? 0;
}

describe('accounts', () => {
  it('are made whole or not at all', async () => {
    const account = await makeAccount();
    const workspaces = await rowsOf('workspaces');
    const again = { email: 'x', emailKey: account.email, name: '', workspaceName: 'P', passwordHash: 'h' };
    expect(await store.createAccount(again)).toBe('email_taken');
    expect(await rowsOf('workspaces')).toBe(workspaces);
    expect(await store.isEmailTaken(account.email)).toBe(true);
    expect(await store.findAccount(account.userId, account.workspaceId)).toEqual(account);
    expect(await store.findAccount(account.userId, randomUUID())).toBeUndefined();
  });

  it('are found with their failures by the key of the email, and so is an unknown one', async () => {
    const account = await makeAccount();
    const since = new Date(Date.now() - 1_000);
    expect(await store.findLogin(account.email, since)).toEqual({ failures: 0, account, passwordHash: 'hashed' });
    for (const who of [account.email, 'nobody@example.com'])
      await Promise.all(Array.from({ length: 5 }, () => store.countLoginAttempt(who, new Date(), since)));
    expect((await store.findLogin(account.email, since)).failures).toBe(5);
    expect(await store.findLogin('nobody@example.com', since)).toEqual({
      failures: 5,
      account: undefined,
      passwordHash: undefined,
    });
    await store.clearLoginFailures(account.email);
    expect((await store.findLogin(account.email, since)).failures).toBe(0);
  });
});

describe('a change of the password', () => {
  const open = async (account: Account): Promise<string> =>
    (await store.openSession({ account, token: { hash: hashOf(randomUUID()), expiresAt: inDays(1) } }))?.id ??
    expect.fail('refused');
  const changed = (account: Account, keptSessionId: string) => ({
    userId: account.userId,
    version: account.passwordVersion,
    passwordHash: 'another',
    keptSessionId,
    at: new Date(),
  });

  it('is made with the end of the other sessions, or neither is', async () => {
    const account = await makeAccount();
    const [kept] = [await open(account), await open(account)];
    await pool.query(`
      create function identity.refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
      create trigger refuse before insert on identity.revocations for each row execute function identity.refuse()`);
    await expect(store.changePassword(changed(account, kept))).rejects.toThrow();
    await pool.query('drop trigger refuse on identity.revocations; drop function identity.refuse()');
    const since = new Date(0);
    expect(await store.findPassword(account.userId, since)).toMatchObject({
      passwordHash: 'hashed',
      passwordVersion: 0,
    });
    expect(await rowsOf('sessions', `user_id = '${account.userId}' and revoked_at is not null`)).toBe(0);
    expect(await store.changePassword(changed(account, kept))).toBe(1);
    expect(await rowsOf('sessions', `user_id = '${account.userId}' and revoked_at is null`)).toBe(1);
    expect(await store.findPassword(account.userId, since)).toMatchObject({ passwordHash: 'another', changedBy: kept });
  });

  it('ends the others however many there are', async () => {
    const account = await makeAccount();
    const kept = await open(account);
    await pool.query(
      `insert into identity.sessions (user_id, workspace_id, expires_at)
       select $1, $2, $3 from generate_series(1, 2500)`,
      [account.userId, account.workspaceId, inDays(1)],
    );
    expect(await store.changePassword(changed(account, kept))).toBe(2_500);
  });

  it('is made once with what was checked', async () => {
    const account = await makeAccount();
    const kept = await open(account);
    const outcomes = await Promise.all([1, 2, 3].map(() => store.changePassword(changed(account, kept))));
    expect(outcomes.filter((revoked) => revoked !== undefined)).toEqual([0]);
  });

  it('lets no session of the old password be opened after it, nor one that was opened while it was made live on', async () => {
    const account = await makeAccount();
    const kept = await open(account);
    const client = await pool.connect();
    await client.query('begin');
    await client.query('select from identity.users where id = $1 for share', [account.userId]);
    const changing = store.changePassword(changed(account, kept));
    await client.query('insert into identity.sessions (user_id, workspace_id, expires_at) values ($1, $2, $3)', [
      account.userId,
      account.workspaceId,
      inDays(1),
    ]);
    await client.query('commit');
    client.release();
    expect(await changing).toBe(1);
    const token = { hash: hashOf(randomUUID()), expiresAt: inDays(1) };
    expect(await store.openSession({ account, token })).toBeUndefined();
    expect(await store.openSession({ account: { ...account, passwordVersion: 1 }, token })).toBeDefined();
  });

  it('waits for a log-in that opens its session, and ends that', async () => {
    const account = await makeAccount();
    const kept = await open(account);
    const rounds = Array.from({ length: 20 }, async (_, round) => {
      const opening = open({ ...account, passwordVersion: 0 }).catch(() => undefined);
      if (round === 10) await store.changePassword(changed(account, kept));
      await opening;
    });
    await Promise.all(rounds);
    expect(await rowsOf('sessions', `user_id = '${account.userId}' and revoked_at is null`)).toBe(1);
  });
});

it('a session that is opened while the role is changed has the new one', async () => {
  const account = await makeAccount();
  const client = await pool.connect();
  await client.query('begin');
  await client.query("update identity.memberships set role = 'viewer' where user_id = $1", [account.userId]);
  const opening = store.openSession({ account, token: { hash: hashOf(randomUUID()), expiresAt: inDays(1) } });
  await new Promise((resolve) => setTimeout(resolve, 50));
  await client.query('commit');
  client.release();
  expect(await opening).toMatchObject({ role: 'viewer' });
});

describe('refresh tokens', () => {
  async function usedToken<Decision extends TokenDecision>(hash: Buffer, decide: (held: HeldToken) => Decision) {
    const used = await store.useRefreshToken(hash, { decide });
    return used === 'no_member' ? expect.fail('the session was to stay') : used;
  }

  it('let one of two concurrent judges see a fresh token, the other a replaced one', async () => {
    const account = await makeAccount();
    const hash = hashOf(randomUUID());
    await store.openSession({ account, token: { hash, expiresAt: inDays(1) } });
    const judged: boolean[] = [];
    const nonce = Buffer.alloc(32, 1);
    const use = () =>
      usedToken(hash, (held) => {
        judged.push(held.replacedAt === undefined);
        if (held.replacedAt) return { kind: 'repeat' as const, nonce: held.successorNonce ?? Buffer.alloc(0) };
        return {
          kind: 'rotate' as const,
          at: new Date(),
          nonce,
          successor: { hash: hashOf('next'), expiresAt: inDays(1) },
        };
      });
    const used = await Promise.all([use(), use(), use(), use()]);
    expect(judged.filter(Boolean)).toHaveLength(1);
    expect(used.map((one) => one?.decision.nonce)).toEqual([nonce, nonce, nonce, nonce]);
  });

  it('see that a session ended while they waited', async () => {
    const account = await makeAccount();
    const hash = hashOf(randomUUID());
    const session = await store.openSession({ account, token: { hash, expiresAt: inDays(1) } });
    const client = await pool.connect();
    await client.query('begin');
    await client.query('update identity.sessions set revoked_at = now() where id = $1', [session?.id]);
    const using = usedToken(hash, () => ({ kind: 'refuse' }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await client.query('commit');
    client.release();
    expect((await using)?.held.revoked).toBe(true);
  });
});

describe('the sweep', () => {
  it('deletes what is over and nothing else, in steps', async () => {
    const account = await makeAccount();
    const open = async (expiresAt: Date): Promise<string> =>
      (await store.openSession({ account, token: { hash: hashOf(randomUUID()), expiresAt } }))?.id ??
      expect.fail('refused');
    const [ended, running] = [await open(inDays(-1)), await open(inDays(1))];
    await open(inDays(-1));
    await store.revokeSession(running, account.userId, new Date());
    const times: SweepTimes = {
      sessionsBefore: new Date(),
      tokensBefore: new Date(),
      noncesBefore: new Date(),
      revocationsBefore: inDays(-1),
      loginFailuresBefore: inDays(1),
      revokedKeysBefore: inDays(-30),
      invitationsBefore: new Date(),
    };
    while ((await store.sweep(times, 1)) > 0);
    expect(await rowsOf('sessions', `id = '${ended}'`)).toBe(0);
    expect(await rowsOf('sessions', `id = '${running}'`)).toBe(1);
    expect(await rowsOf('refresh_tokens', `session_id = '${running}'`)).toBe(1);
    expect(await rowsOf('revocations', `credential_id = '${running}'`)).toBe(1);
    expect(await rowsOf('login_failures')).toBe(0);
    expect(await rowsOf('refresh_tokens', 'successor_nonce is not null')).toBe(0);
  });
});

it('has an index for each foreign key: otherwise whatever is deleted there reads the whole table here, under its locks', async () => {
  const { rows } = await pool.query(`
    select c.conname from pg_constraint c where c.contype = 'f' and c.connamespace = 'identity'::regnamespace and not exists (
      select from pg_index i where i.indrelid = c.conrelid
        and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] <@ c.conkey
        and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) ~ '^\\(\\w+ IS NOT NULL\\)$'))`);
  expect(rows).toEqual([]);
});

it('says that the database is away without saying how', async () => {
  const away = createPool('postgres://hop_identity:secret@127.0.0.1:1/none', { max: 1, log: silentLog });
  const error = await postgresStore(away)
    .isEmailTaken('a@example.com')
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(HopError);
  expect(error).toMatchObject({ kind: 'unavailable', reason: 'DEPENDENCY_UNAVAILABLE' });
  expect((error as HopError).message).not.toMatch(/secret|127|ECONN/);
  await away.end();
});
