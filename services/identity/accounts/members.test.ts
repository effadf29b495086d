// Roles and members are changed by an operator, with the statements of docs/runbook.md: these are run here, as they stand there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { hash, verify } from '@node-rs/argon2';
import { expect, it } from 'vitest';
import { testService } from '#runtime/testing/keys.ts';
import { callerOf, newPerson, password, refusal, type Signed, useTestIdentity } from '../testing/test-identity.ts';

/** Set by a test that wants something to happen while a password is checked. */
let whileChecking: (() => Promise<unknown>) | undefined;

const identity = useTestIdentity({
  argon2: {
    hash,
    async verify(hashed, text) {
      const meanwhile = whileChecking;
      whileChecking = undefined;
      await meanwhile?.();
      return verify(hashed, text);
    },
  },
});

const gateway = () => identity.client(testService('gateway-access'));
const [addMember, changeRole, removeMember] = statementsOfRunbook();

function statementsOfRunbook(): string[] {
  const runbook = readFileSync(join(import.meta.dirname, '../../../docs/runbook.md'), 'utf8');
  const [section = ''] = /## Members and roles\n.*?\n## /s.exec(runbook) ?? [];
  return [...section.matchAll(/```sql\n(.*?)```/gs)].map(([, sql = '']) => sql);
}

async function run(statements: string | undefined, { userId, workspaceId }: Signed['caller']): Promise<void> {
  const filled = (statements ?? '')
    .replaceAll(":'person'", `'${userId}'`)
    .replaceAll(":'workspace'", `'${workspaceId}'`);
  expect(filled).not.toMatch(/:'/);
  await identity.pool.query(filled);
}

it('a member is added: signs in to that workspace from then on, and to their own again once removed', async () => {
  const [person, owner] = [await newPerson(identity), await newPerson(identity)];
  const { workspaceId } = owner.caller;
  const workspaceOfLogIn = async () => (await identity.client().logIn({ email: person.email, password })).workspace;
  const { cursor } = await gateway().listRevocations({});
  await run(addMember, { ...person.caller, workspaceId });
  expect((await gateway().listRevocations({ cursor })).credentialIds).toEqual([person.caller.credentialId]);
  expect(await workspaceOfLogIn()).toMatchObject({ id: workspaceId, role: 'member' });
  await run(removeMember, { ...person.caller, workspaceId });
  expect(await workspaceOfLogIn()).toMatchObject({ id: person.caller.workspaceId, role: 'owner' });
});

it('a role is changed: the session is over, the next has the new role, and an API key what both allow', async () => {
  const { caller, session, email } = await newPerson(identity);
  const key = await identity.client(caller).createApiKey({ name: 'k', scopes: ['links:read', 'links:write'] });
  const { cursor } = await gateway().listRevocations({});
  await run(changeRole, caller);
  expect((await gateway().listRevocations({ cursor })).credentialIds).toEqual([caller.credentialId]);
  const { refreshToken } = session;
  expect(await refusal(identity.client().refreshSession({ refreshToken }))).toMatchObject({
    code: Code.Unauthenticated,
    reason: 'REFRESH_TOKEN_INVALID',
  });
  const next = await identity.client().logIn({ email, password });
  expect(next.workspace?.role).toBe('viewer');
  expect(callerOf(next).scopes).toEqual(['links:read', 'stats:read']);
  const verified = await gateway().verifyApiKey({ secret: key.secret ?? '' });
  expect([verified.role, verified.scopes]).toEqual(['viewer', ['links:read']]);
});

it('a role is changed while a password is checked: the log-in has the new role', async () => {
  const { caller, email } = await newPerson(identity);
  whileChecking = () => run(changeRole, caller);
  const session = await identity.client().logIn({ email, password });
  expect([session.workspace?.role, callerOf(session)]).toMatchObject([
    'viewer',
    { role: 'viewer', scopes: ['links:read', 'stats:read'] },
  ]);
});

it('a member is removed while a password is checked: the log-in is refused, and the next leads to another workspace', async () => {
  const [person, owner] = [await newPerson(identity), await newPerson(identity)];
  const member = { ...person.caller, workspaceId: owner.caller.workspaceId };
  await run(addMember, member);
  whileChecking = () => run(removeMember, member);
  const logIn = () => identity.client().logIn({ email: person.email, password });
  expect(await refusal(logIn())).toMatchObject({ code: Code.Unauthenticated, reason: 'LOGIN_FAILED' });
  expect((await logIn()).workspace?.id).toBe(person.caller.workspaceId);
});

it('a member is removed: sessions and API keys of that workspace are over, and only those', async () => {
  const [person, other] = [await newPerson(identity), await newPerson(identity)];
  const { userId } = person.caller;
  const { workspaceId } = other.caller;
  const member = { ...person.caller, workspaceId };
  await identity.pool.query("insert into identity.memberships values ($1, $2, 'member')", [userId, workspaceId]);
  const [own, removed] = [
    await identity.client(person.caller).createApiKey({ name: 'own', scopes: ['links:read'] }),
    await identity.client(member).createApiKey({ name: 'removed', scopes: ['links:read'] }),
  ];
  const { cursor } = await gateway().listRevocations({});
  await run(removeMember, member);
  expect((await gateway().listRevocations({ cursor })).credentialIds).toEqual([removed.id]);
  expect(await refusal(gateway().verifyApiKey({ secret: removed.secret ?? '' }))).toMatchObject({
    reason: 'CREDENTIALS_INVALID',
  });
  expect((await gateway().verifyApiKey({ secret: own.secret ?? '' })).apiKeyId).toBe(own.id);
  expect((await identity.client(person.caller).getCurrentUser({})).workspace?.id).toBe(person.caller.workspaceId);
});
