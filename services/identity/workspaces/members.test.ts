import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { hash, verify } from '@node-rs/argon2';
import { describe, expect, it } from 'vitest';
import { testService } from '#runtime/testing/keys.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import {
  callerOf,
  joined,
  newPerson,
  password,
  refusal,
  revoked,
  type Signed,
  useTestIdentity,
} from '../testing/test-identity.ts';

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
const as = ({ caller }: Signed) => identity.workspaces(caller);
const logIn = ({ email }: Signed) => identity.client().logIn({ email, password });
const refresh = ({ session: { refreshToken } }: Signed, workspaceId = '') =>
  identity.client().refreshSession({ refreshToken, workspaceId });
const rolesIn = async (person: Signed) =>
  Object.fromEntries((await as(person).listMembers({})).members.map(({ userId, role }) => [userId, role]));

/** A workspace with its owner and others, each in a session there. */
async function team<Name extends string>(roles: Record<Name, string>): Promise<Record<Name | 'owner', Signed>> {
  const owner = await newPerson(identity);
  const others: Record<string, Signed> = {};
  for (const [name, role] of Object.entries<string>(roles))
    others[name] = await joined(identity, { owner, person: await newPerson(identity), role });
  return { owner, ...others } as Record<Name | 'owner', Signed>;
}

describe('the members of a workspace', () => {
  it('are listed in the order in which they joined, with their roles', async () => {
    const { owner, viewer } = await team({ viewer: 'viewer' });
    const { members } = await as(owner).listMembers({});
    expect(members).toMatchObject([
      { userId: owner.caller.userId, email: owner.email, name: 'Ada', role: 'owner', isCurrent: true },
      { userId: viewer.caller.userId, email: viewer.email, role: 'viewer', isCurrent: false },
    ]);
    expect(members[1]?.joinedAt).toBeDefined();
  });

  it('get another role: their sessions there are over, the next has it, and an API key what both allow', async () => {
    const { owner, member } = await team({ member: 'member' });
    const { workspaceId } = owner.caller;
    const key = await identity.client(member.caller).createApiKey({ name: 'k', scopes: ['links:read', 'links:write'] });
    const { cursor } = await revoked(identity);
    const changed = await as(owner).updateMember({ userId: member.caller.userId, role: 'viewer' });
    expect(changed).toMatchObject({ userId: member.caller.userId, role: 'viewer', isCurrent: false });
    expect((await revoked(identity, cursor)).ids).toEqual([member.caller.credentialId]);
    expect(await refusal(refresh(member))).toMatchObject({ reason: 'REFRESH_TOKEN_INVALID' });
    expect((await logIn(member)).workspace).toMatchObject({ id: workspaceId, role: 'viewer' });
    const verified = await gateway().verifyApiKey({ secret: key.secret ?? '' });
    expect([verified.role, verified.scopes]).toEqual(['viewer', ['links:read']]);
  });

  it('keep their sessions where the role stays the same', async () => {
    const { owner, member } = await team({ member: 'member' });
    await as(owner).updateMember({ userId: member.caller.userId, role: 'member' });
    expect((await refresh(member)).workspace?.id).toBe(owner.caller.workspaceId);
  });

  it('have the new role at a log-in whose password is checked meanwhile', async () => {
    const { owner, member } = await team({ member: 'member' });
    whileChecking = () => as(owner).updateMember({ userId: member.caller.userId, role: 'viewer' });
    expect((await logIn(member)).workspace?.role).toBe('viewer');
  });

  it('are removed with their sessions and API keys of that workspace, and only those', async () => {
    const { owner, member } = await team({ member: 'member' });
    const elsewhere = await logIn(member);
    const home = (await as(member).listWorkspaces({})).workspaces.find(({ role }) => role === 'owner')?.id ?? '';
    const moved = await identity.client().refreshSession({ refreshToken: elsewhere.refreshToken, workspaceId: home });
    const own = { ...member.caller, workspaceId: home };
    const kept = await identity.client(own).createApiKey({ name: 'own', scopes: ['links:read'] });
    const key = await identity.client(member.caller).createApiKey({ name: 'removed', scopes: ['links:read'] });
    const { cursor } = await revoked(identity);
    await as(owner).removeMember({ userId: member.caller.userId });
    expect(new Set((await revoked(identity, cursor)).ids)).toEqual(new Set([member.caller.credentialId, key.id]));
    expect(await refusal(refresh(member))).toMatchObject({ reason: 'REFRESH_TOKEN_INVALID' });
    expect(await refusal(gateway().verifyApiKey({ secret: key.secret ?? '' }))).toMatchObject({
      reason: 'CREDENTIALS_INVALID',
    });
    expect((await gateway().verifyApiKey({ secret: kept.secret ?? '' })).apiKeyId).toBe(kept.id);
    const { refreshToken } = moved;
    expect((await identity.client().refreshSession({ refreshToken })).workspace?.id).toBe(home);
    expect(await rolesIn(owner)).toEqual({ [owner.caller.userId]: 'owner' });
    expect((await logIn(member)).workspace?.id).toBe(home);
    expect((await as(member).listWorkspaces({})).workspaces).toHaveLength(1);
  });

  it('are removed with a session that is being opened: they wait for each other', async () => {
    const { owner, member } = await team({ member: 'member' });
    const { userId, workspaceId } = member.caller;
    const opening = await identity.pool.connect();
    await opening.query('begin');
    await opening.query('select from identity.memberships where user_id = $1 and workspace_id = $2 for share', [
      userId,
      workspaceId,
    ]);
    const { cursor } = await revoked(identity);
    const removal = as(owner).removeMember({ userId });
    await waitFor(async () => (await identity.waiting()) > 0);
    const { rows } = await opening.query<{ id: string }>(
      "insert into identity.sessions (user_id, workspace_id, expires_at) values ($1, $2, now() + interval '1 day') returning id",
      [userId, workspaceId],
    );
    await opening.query('commit');
    opening.release();
    await removal;
    expect((await revoked(identity, cursor)).ids).toContain(rows[0]?.id);
  });

  it('are removed while a password is checked: that log-in is refused, the next leads to another workspace', async () => {
    const { owner, member } = await team({ member: 'member' });
    whileChecking = () => as(owner).removeMember({ userId: member.caller.userId });
    expect(await refusal(logIn(member))).toMatchObject({ code: Code.Unauthenticated, reason: 'LOGIN_FAILED' });
    expect((await logIn(member)).workspace).toMatchObject({ name: 'Personal', role: 'owner' });
  });

  it('may leave, whatever their role, and however they write their id', async () => {
    const { owner, viewer, other, admin } = await team({ viewer: 'viewer', other: 'viewer', admin: 'admin' });
    await as(viewer).removeMember({ userId: 'me' });
    await as(other).removeMember({ userId: other.caller.userId.toUpperCase() });
    await as(admin).removeMember({ userId: admin.caller.userId });
    expect(await rolesIn(owner)).toEqual({ [owner.caller.userId]: 'owner' });
  });

  it('have a workspace of their own even when the last two are taken from them at once', async () => {
    for (let round = 0; round < 10; round++) {
      const { owner, second } = await team({ second: 'owner' });
      const other = await newPerson(identity);
      const person = await joined(identity, { owner: other, person: owner });
      await Promise.all([second, other].map((who) => as(who).removeMember({ userId: person.caller.userId })));
      expect((await as(person).listWorkspaces({})).workspaces).toMatchObject([{ name: 'Personal', role: 'owner' }]);
    }
  });

  it('have a workspace of their own in any case, even one whose own was taken over', async () => {
    const { owner, second } = await team({ second: 'owner' });
    await as(second).removeMember({ userId: owner.caller.userId });
    const { workspace } = await logIn(owner);
    expect(workspace).toMatchObject({ name: 'Personal', role: 'owner' });
    expect(workspace?.id).not.toBe(owner.caller.workspaceId);
  });
});

it('a workspace without an owner gets one from the operator, by the statements of the runbook', async () => {
  const { owner, member } = await team({ member: 'member' });
  const runbook = readFileSync(join(import.meta.dirname, '../../../docs/runbook.md'), 'utf8');
  const [, statements = ''] = /## A workspace whose owner is gone\n.*?```sql\n(.*?)```/s.exec(runbook) ?? [];
  const filled = statements
    .replaceAll(":'person'", `'${member.caller.userId}'`)
    .replaceAll(":'workspace'", `'${member.caller.workspaceId}'`);
  expect(filled).not.toMatch(/:'/);
  const { cursor } = await revoked(identity);
  await identity.pool.query(filled);
  expect((await revoked(identity, cursor)).ids).toEqual([member.caller.credentialId]);
  const session = await logIn(member);
  expect(session.workspace).toMatchObject({ id: owner.caller.workspaceId, role: 'owner' });
  await identity.workspaces(callerOf(session)).removeMember({ userId: owner.caller.userId });
});

describe('who may change members', () => {
  it('is only who is an admin in the database, whatever the token says', async () => {
    const { owner, member, admin } = await team({ member: 'member', admin: 'admin' });
    const { userId } = member.caller;
    await as(owner).updateMember({ userId: admin.caller.userId, role: 'member' });
    const refused = { code: Code.PermissionDenied, reason: 'ROLE_MISSING' };
    expect(await refusal(as(admin).updateMember({ userId, role: 'viewer' }))).toMatchObject(refused);
    expect(await refusal(as(admin).removeMember({ userId }))).toMatchObject(refused);
    expect(await refusal(as(admin).createInvitation({ role: 'viewer' }))).toMatchObject(refused);
    expect(await refusal(as(member).removeMember({ userId: admin.caller.userId }))).toMatchObject(refused);
    expect(await refusal(as(member).listMembers({}))).toMatchObject(refused);
    expect((await rolesIn(owner))[userId]).toBe('member');
  });

  it('is only an owner where it is about owners', async () => {
    const { owner, admin, member } = await team({ admin: 'admin', member: 'member' });
    const refused = { code: Code.PermissionDenied, reason: 'OWNER_ONLY' };
    const ownerId = owner.caller.userId;
    expect(await refusal(as(admin).updateMember({ userId: ownerId, role: 'viewer' }))).toMatchObject(refused);
    expect(await refusal(as(admin).removeMember({ userId: ownerId }))).toMatchObject(refused);
    expect(await refusal(as(admin).updateMember({ userId: 'me', role: 'owner' }))).toMatchObject(refused);
    expect(await refusal(as(admin).createInvitation({ role: 'owner' }))).toMatchObject(refused);
    await as(admin).updateMember({ userId: member.caller.userId, role: 'admin' });
    expect((await rolesIn(owner))[member.caller.userId]).toBe('admin');
  });

  it('is no API key: it could give itself scopes that it lacks', async () => {
    const { owner } = await team({});
    const key = { ...owner.caller, kind: 'api_key' as const };
    const calls = identity.workspaces(key);
    const refused = { code: Code.PermissionDenied, reason: 'CALLER_KIND_REFUSED' };
    for (const call of [
      () => calls.listWorkspaces({}),
      () => calls.updateWorkspace({ name: 'x' }),
      () => calls.updateMember({ userId: 'me', role: 'admin' }),
      () => calls.removeMember({ userId: 'me' }),
      () => calls.createInvitation({ role: 'viewer' }),
      () => calls.deleteInvitation({ id: 'x' }),
      () => calls.lookUpInvitation({ secret: 'x' }),
      () => calls.acceptInvitation({ secret: 'x' }),
    ])
      expect(await refusal(call())).toMatchObject(refused);
    expect((await calls.listMembers({})).members).toHaveLength(1);
    expect((await calls.listInvitations({})).invitations).toEqual([]);
  });

  it('does not reach people of other workspaces, nor anybody who is none', async () => {
    const [{ owner }, { owner: other }] = [await team({}), await team({})];
    for (const userId of [other.caller.userId, 'not-an-id', '../1']) {
      expect(await refusal(as(owner).updateMember({ userId, role: 'viewer' }))).toMatchObject({
        code: Code.NotFound,
        reason: 'MEMBER_NOT_FOUND',
      });
      expect(await refusal(as(owner).removeMember({ userId }))).toMatchObject({ reason: 'MEMBER_NOT_FOUND' });
    }
    expect(await rolesIn(other)).toEqual({ [other.caller.userId]: 'owner' });
  });

  it('names a role that there is', async () => {
    const { owner } = await team({});
    for (const role of ['Owner', 'root', '__proto__'])
      expect(await refusal(as(owner).updateMember({ userId: 'me', role }))).toMatchObject({
        code: Code.InvalidArgument,
        fields: ['role'],
      });
  });
});

describe('the last owner', () => {
  const refused = { code: Code.FailedPrecondition, reason: 'LAST_OWNER' };

  it('can neither leave nor have another role, as long as nobody else is one', async () => {
    const { owner, second } = await team({ second: 'admin' });
    expect(await refusal(as(owner).removeMember({ userId: 'me' }))).toMatchObject(refused);
    expect(await refusal(as(owner).updateMember({ userId: 'me', role: 'admin' }))).toMatchObject(refused);
    await as(owner).updateMember({ userId: second.caller.userId, role: 'owner' });
    await as(owner).removeMember({ userId: 'me' });
    expect((await logIn(second)).workspace).toMatchObject({ id: owner.caller.workspaceId, role: 'owner' });
  });

  it('is one of two who remove each other at once', async () => {
    for (let round = 0; round < 10; round++) {
      const { owner, second } = await team({ second: 'owner' });
      const removals = await Promise.allSettled([
        as(owner).removeMember({ userId: second.caller.userId }),
        as(second).removeMember({ userId: owner.caller.userId }),
      ]);
      expect(removals.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const { rows } = await identity.pool.query('select role from identity.memberships where workspace_id = $1', [
        owner.caller.workspaceId,
      ]);
      expect(rows).toEqual([{ role: 'owner' }]);
    }
  });

  it('is one of two who leave at once', async () => {
    for (let round = 0; round < 10; round++) {
      const { owner, second } = await team({ second: 'owner' });
      const leaving = await Promise.allSettled([owner, second].map((who) => as(who).removeMember({ userId: 'me' })));
      expect(leaving.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    }
  });

  it('can delete the account only where no other member is left', async () => {
    const { owner, member } = await team({ member: 'member' });
    const deletion = () => identity.client(owner.caller).deleteCurrentUser({ currentPassword: password });
    expect(await refusal(deletion())).toMatchObject(refused);
    expect((await logIn(owner)).workspace?.id).toBe(owner.caller.workspaceId);
    await as(owner).removeMember({ userId: member.caller.userId });
    await deletion();
    expect(await refusal(logIn(owner))).toMatchObject({ reason: 'LOGIN_FAILED' });
  });

  it('may be named an owner again', async () => {
    const { owner } = await team({});
    expect(await as(owner).updateMember({ userId: 'me', role: 'owner' })).toMatchObject({ role: 'owner' });
  });

  it('is not who stays behind in a workspace without any, as by a letter: they may leave, which closes it, or delete the account', async () => {
    for (const go of [
      (person: Signed) => as(person).removeMember({ userId: 'me' }),
      (person: Signed) => identity.client(person.caller).deleteCurrentUser({ currentPassword: password }),
    ]) {
      const { owner, member, viewer } = await team({ member: 'member', viewer: 'viewer' });
      const { workspaceId } = owner.caller;
      await identity.pool.query('delete from identity.users where id = $1', [owner.caller.userId]);
      await go(member);
      expect(await identity.store.findClosedWorkspaces(100)).not.toContain(workspaceId);
      await go(viewer);
      expect(await identity.store.findClosedWorkspaces(100)).toContain(workspaceId);
    }
  });

  it('is counted after those who are not owners have gone', async () => {
    const { owner, member } = await team({ member: 'member' });
    await identity.client(member.caller).deleteCurrentUser({ currentPassword: password });
    expect(await rolesIn(owner)).toEqual({ [owner.caller.userId]: 'owner' });
  });
});

describe('a workspace', () => {
  it('is listed with the others of the person, in the order in which they joined', async () => {
    const { owner, viewer } = await team({ viewer: 'viewer' });
    expect((await as(viewer).listWorkspaces({})).workspaces).toMatchObject([
      { name: 'Personal', role: 'owner' },
      { id: owner.caller.workspaceId, role: 'viewer' },
    ]);
  });

  it('has the name that an admin gives it', async () => {
    const { owner, viewer } = await team({ viewer: 'viewer' });
    expect(await as(owner).updateWorkspace({ name: ' Acme ' })).toMatchObject({ name: 'Acme', role: 'owner' });
    expect((await as(viewer).listWorkspaces({})).workspaces[1]?.name).toBe('Acme');
    for (const name of ['', '  ', 'a\u0007b', 'x'.repeat(129)])
      expect(await refusal(as(owner).updateWorkspace({ name }))).toMatchObject({ fields: ['name'] });
    expect(await refusal(as(viewer).updateWorkspace({ name: 'Mine' }))).toMatchObject({ reason: 'ROLE_MISSING' });
    const admin = await joined(identity, { owner, person: await newPerson(identity), role: 'admin' });
    await as(owner).removeMember({ userId: admin.caller.userId });
    expect(await refusal(as(admin).updateWorkspace({ name: 'Mine' }))).toMatchObject({ reason: 'WORKSPACE_NOT_FOUND' });
  });
});
