import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { verify } from '@node-rs/argon2';
import { beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { startMetrics } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { testService } from '#runtime/testing/keys.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { callerOf, newPerson, password, refusal, type Signed, useTestIdentity } from '../testing/test-identity.ts';
import { startHandover } from './closed-workspaces.ts';

let deleted = 0;
/** Set by a test that wants something to happen while a password is checked. */
let whileChecking: (() => Promise<unknown>) | undefined;

const identity = useTestIdentity({
  loginFreeFailures: 3,
  onDeleted: () => void deleted++,
  argon2: {
    hash: (text) => Promise.resolve(`$plain$${text}`),
    verify: async (hashed, text) => {
      const meanwhile = whileChecking;
      whileChecking = undefined;
      const same = hashed.startsWith('$plain$') ? hashed === `$plain$${text}` : await verify(hashed, text);
      await meanwhile?.();
      return same;
    },
  },
});
beforeEach(async () => {
  deleted = 0;
  await identity.pool.query('truncate identity.closed_workspaces');
});

const signUp = (): Promise<Signed> => newPerson(identity);

const remove = ({ caller }: Signed, currentPassword = password) =>
  identity.client(caller).deleteCurrentUser({ currentPassword });
const logIn = (email: string, tried = password) => identity.client().logIn({ email, password: tried });
const closed = (): Promise<readonly string[]> => identity.store.findClosedWorkspaces(100);
const gateway = () => identity.client(testService('gateway-access'));

const wrong = { code: Code.InvalidArgument, reason: 'CURRENT_PASSWORD_WRONG', fields: ['current_password'] };

/** The rows of every table that say something of the person, by the table. */
async function rowsOf({ email, caller: { userId, workspaceId } }: Signed): Promise<Record<string, number>> {
  const account = createHash('sha256').update(email.toLowerCase()).digest();
  const { rows } = await identity.pool.query(
    `select (select count(*)::int from identity.users where id = $1 or email_key = lower($4)) as users,
       (select count(*)::int from identity.workspaces where id = $2) as workspaces,
       (select count(*)::int from identity.memberships where user_id = $1) as memberships,
       (select count(*)::int from identity.sessions where user_id = $1) as sessions,
       (select count(*)::int from identity.refresh_tokens t left join identity.sessions s on s.id = t.session_id
        where s.id is null or s.user_id = $1) as tokens,
       (select count(*)::int from identity.api_keys where user_id = $1) as keys,
       (select count(*)::int from identity.login_failures where account = $3) as failures`,
    [userId, workspaceId, account, email],
  );
  return rows[0];
}

describe('DeleteCurrentUser', () => {
  it('leaves nothing of the person, tells that every credential ended, and frees the email', async () => {
    const person = await signUp();
    const other = await logIn(person.email);
    await expect(logIn(person.email, 'not the password')).rejects.toThrow();
    const key = await identity.client(person.caller).createApiKey({ name: 'k', scopes: ['links:read', 'keys:write'] });
    const { cursor } = await gateway().listRevocations({});
    expect(await rowsOf(person)).toMatchObject({ users: 1, workspaces: 1, sessions: 2, tokens: 2, keys: 1 });

    expect(await remove(person)).toMatchObject({});
    const none = { users: 0, workspaces: 0, memberships: 0, sessions: 0, tokens: 0, keys: 0, failures: 0 };
    expect(await rowsOf(person)).toEqual(none);
    const ended = [person.caller.credentialId, callerOf(other).credentialId, key.id];
    expect((await gateway().listRevocations({ cursor })).credentialIds.toSorted()).toEqual(ended.toSorted());
    for (const { refreshToken } of [person.session, other])
      expect(await refusal(identity.client().refreshSession({ refreshToken }))).toMatchObject({
        reason: 'REFRESH_TOKEN_INVALID',
      });
    expect(await refusal(gateway().verifyApiKey({ secret: key.secret ?? '' }))).toMatchObject({
      reason: 'CREDENTIALS_INVALID',
    });
    expect(await refusal(logIn(person.email))).toMatchObject({ reason: 'LOGIN_FAILED' });
    expect([await closed(), deleted]).toEqual([[person.caller.workspaceId], 1]);
    const { user } = await identity.client().signUp({ email: person.email, password });
    expect(user?.id).not.toBe(person.caller.userId);
  });

  it('refuses a wrong password by its field, counts it with the failed log-ins, and deletes nothing', async () => {
    const person = await signUp();
    const before = await rowsOf(person);
    for (let failure = 0; failure < 3; failure++) expect(await refusal(remove(person, 'not it'))).toEqual(wrong);
    expect(await refusal(remove(person, ''))).toMatchObject({ fields: ['current_password'] });
    expect(await rowsOf(person)).toEqual({ ...before, failures: 1 });
    const calls = Array.from({ length: 12 }, () => remove(person, 'not it'));
    const reasons = (await Promise.all(calls.map(refusal))).map(({ reason }) => reason);
    expect(new Set(reasons)).toEqual(new Set(['CURRENT_PASSWORD_WRONG', 'RATE_LIMITED']));
    expect([await closed(), deleted]).toEqual([[], 0]);
    await remove(person);
  });

  it('is for people: an API key is refused', async () => {
    const person = await signUp();
    const key = { ...person, caller: { ...person.caller, kind: 'api_key' as const } };
    expect(await refusal(remove(key))).toMatchObject({ code: Code.PermissionDenied, reason: 'CALLER_KIND_REFUSED' });
    await logIn(person.email);
  });

  it('is answered as done when it is said again, and made once when it is said at once', async () => {
    const person = await signUp();
    await Promise.all([remove(person), remove(person), remove(person)]);
    await remove(person);
    expect([await closed(), deleted]).toEqual([[person.caller.workspaceId], 1]);
  });

  it('is judged by the password that holds when it is done', async () => {
    const person = await signUp();
    whileChecking = () =>
      identity.client(person.caller).changePassword({ currentPassword: password, newPassword: 'a short ride' });
    expect(await refusal(remove(person))).toEqual(wrong);
    await remove(person, 'a short ride');
  });

  it('leaves no session to a log-in, nor a key to a call, that were under way', async () => {
    const person = await signUp();
    whileChecking = () => remove(person);
    expect(await refusal(logIn(person.email))).toMatchObject({ reason: 'LOGIN_FAILED' });

    const others = await Promise.all(Array.from({ length: 5 }, signUp));
    const { cursor } = await gateway().listRevocations({});
    const made: string[] = [];
    const outcomes = await Promise.allSettled(
      others.flatMap((other) => [
        identity
          .client(other.caller)
          .createApiKey({ name: 'k', scopes: ['links:read'] })
          .then(({ id }) => made.push(id)),
        remove(other),
        identity.client().refreshSession({ refreshToken: other.session.refreshToken }),
      ]),
    );
    expect(outcomes.filter((_, at) => at % 3 === 1).map(({ status }) => status)).toEqual(Array(5).fill('fulfilled'));
    for (const other of others)
      expect(await rowsOf(other)).toMatchObject({ users: 0, sessions: 0, tokens: 0, keys: 0 });
    const ended = [...others.map(({ caller }) => caller.credentialId), ...made];
    expect((await gateway().listRevocations({ cursor })).credentialIds.toSorted()).toEqual(ended.toSorted());
  });

  it('deletes however many sessions there are', async () => {
    const person = await signUp();
    const { userId, workspaceId } = person.caller;
    await identity.pool.query(
      `with opened as (
         insert into identity.sessions (user_id, workspace_id, expires_at)
         select $1, $2, now() + interval '1 day' from generate_series(1, 2500) returning id)
       insert into identity.refresh_tokens (token_hash, session_id, expires_at)
       select sha256(convert_to(id::text || turn, 'UTF8')), id, now() + interval '1 day' from opened, generate_series(1, 4) turn`,
      [userId, workspaceId],
    );
    expect(await rowsOf(person)).toMatchObject({ sessions: 2501, tokens: 10_001 });
    await remove(person);
    expect(await rowsOf(person)).toMatchObject({ users: 0, sessions: 0, tokens: 0 });
  });

  it('locks tokens before their sessions, as a refresh does, so that neither waits for the other', async () => {
    const person = await signUp();
    const { rows } = await identity.pool.query<{ id: string }>('select id from identity.sessions where user_id = $1', [
      person.caller.userId,
    ]);
    const refresh = await identity.pool.connect();
    try {
      await refresh.query('begin');
      await refresh.query('select from identity.refresh_tokens where session_id = $1 for update', [rows[0]?.id]);
      const removed = remove(person);
      await waitFor(async () => (await identity.waiting()) > 0);
      await refresh.query("set local lock_timeout = '500ms'");
      await refresh.query('select from identity.sessions where id = $1 for update', [rows[0]?.id]);
      await refresh.query('commit');
      await removed;
    } finally {
      await refresh.query('rollback');
      refresh.release();
    }
  });

  it('closes a workspace that its last two members leave at once', async () => {
    const [person, other] = [await signUp(), await signUp()];
    await identity.pool.query(
      "insert into identity.memberships (user_id, workspace_id, role) values ($1, $2, 'owner')",
      [other.caller.userId, person.caller.workspaceId],
    );
    const first = await identity.pool.connect();
    try {
      // One of the two, as far as it gets before its commit.
      await first.query('begin');
      await first.query('select from identity.workspaces where id = $1 for update', [person.caller.workspaceId]);
      await first.query('delete from identity.users where id = $1', [other.caller.userId]);
      const removed = remove(person);
      await waitFor(async () => (await identity.waiting()) > 0);
      await first.query('commit');
      await removed;
    } finally {
      await first.query('rollback');
      first.release();
    }
    expect(await closed()).toEqual([person.caller.workspaceId]);
  });

  it('leaves a workspace that somebody else is a member of', async () => {
    const [person, other] = [await signUp(), await signUp()];
    await identity.pool.query(
      "insert into identity.memberships (user_id, workspace_id, role) values ($1, $2, 'owner')",
      [other.caller.userId, person.caller.workspaceId],
    );
    await remove(person);
    expect(await closed()).toEqual([]);
    await remove(other);
    const both = [person.caller.workspaceId, other.caller.workspaceId];
    expect((await closed()).toSorted()).toEqual(both.toSorted());
  });

  it('is what the statements of the runbook do for an operator', async () => {
    const [person, other] = [await signUp(), await signUp()];
    // A workspace with somebody else in it stays.
    await identity.pool.query(
      "insert into identity.memberships (user_id, workspace_id, role) values ($1, $2, 'owner')",
      [person.caller.userId, other.caller.workspaceId],
    );
    const key = await identity.client(person.caller).createApiKey({ name: 'k', scopes: ['links:read'] });
    const { refreshToken } = person.session;
    const { workspaceId } = other.caller;
    const moved = callerOf(await identity.client().refreshSession({ refreshToken, workspaceId }));
    const { cursor } = await gateway().listRevocations({});
    const runbook = readFileSync(join(import.meta.dirname, '../../../docs/runbook.md'), 'utf8');
    const [, statements = ''] = /## Somebody asks for deletion.*?```sql\n(.*?)```/s.exec(runbook) ?? [];
    await identity.pool.query(statements.replaceAll(":'person'", `'${person.caller.userId}'`));
    const none = { users: 0, workspaces: 0, memberships: 0, sessions: 0, tokens: 0, keys: 0, failures: 0 };
    expect(await rowsOf(person)).toEqual(none);
    const { credentialIds } = await gateway().listRevocations({ cursor });
    expect(credentialIds.toSorted()).toEqual([moved.credentialId, key.id].toSorted());
    expect(await closed()).toEqual([person.caller.workspaceId]);
  });

  it('is done whole or not at all', async () => {
    const person = await signUp();
    const before = await rowsOf(person);
    await identity.pool.query(`
      create function identity.refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
      create trigger refuse before insert on identity.closed_workspaces for each row execute function identity.refuse()`);
    await expect(remove(person)).rejects.toThrow();
    await identity.pool.query('drop trigger refuse on identity.closed_workspaces; drop function identity.refuse()');
    expect(await rowsOf(person)).toEqual(before);
    await identity.client().refreshSession({ refreshToken: person.session.refreshToken });
    await remove(person);
  });
});

it('the link service is told of each closed workspace until it has answered, and once it is away of all again', async () => {
  const people = await Promise.all([signUp(), signUp()]);
  for (const person of people) await remove(person);
  const told: string[] = [];
  let isAway = true;
  const metrics = await startMetrics({ instance: 'identity', metricsAddress: { host: '127.0.0.1', port: 0 } });
  const age = async (): Promise<number> => (await metrics.read()).sum(metric.closedWorkspacesAge) ?? 0;
  const handover = startHandover({
    store: identity.store,
    log: silentLog,
    everyMs: 5,
    async close(workspaceId) {
      told.push(workspaceId);
      if (isAway) throw new Error('away');
    },
  });
  await waitFor(() => told.length > 2);
  expect(await closed()).toHaveLength(2);
  await waitFor(async () => (await age()) > 0.05);
  isAway = false;
  await waitFor(async () => (await closed()).length === 0 && (await age()) === 0);
  await handover.stop();
  await metrics.stop();
  expect(new Set(told)).toEqual(new Set(people.map(({ caller }) => caller.workspaceId)));
});

it('a workspace of which the link service cannot be told keeps none after it waiting', async () => {
  const [first, second] = [await signUp(), await signUp()];
  await remove(first);
  await remove(second);
  const handover = startHandover({
    store: identity.store,
    log: silentLog,
    everyMs: 5,
    async close(workspaceId) {
      if (workspaceId === first.caller.workspaceId) throw new Error('refused');
    },
  });
  await waitFor(async () => (await closed()).length === 1);
  await handover.stop();
  expect(await closed()).toEqual([first.caller.workspaceId]);
});
