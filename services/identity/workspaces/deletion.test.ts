import { Code } from '@connectrpc/connect';
import { verify } from '@node-rs/argon2';
import { beforeEach, describe, expect, it } from 'vitest';
import { testService } from '#runtime/testing/keys.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import {
  joined,
  newPerson,
  password,
  refusal,
  revoked,
  type Signed,
  useTestIdentity,
} from '../testing/test-identity.ts';

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

const as = ({ caller }: Signed) => identity.workspaces(caller);
const gateway = () => identity.client(testService('gateway-access'));
const logIn = ({ email }: Signed) => identity.client().logIn({ email, password });
const refresh = ({ session: { refreshToken } }: Signed, workspaceId = '') =>
  identity.client().refreshSession({ refreshToken, workspaceId });
const workspacesOf = async (person: Signed) => (await as(person).listWorkspaces({})).workspaces;
const closed = () => identity.store.findClosedWorkspaces(100);
const remove = (person: Signed, id: string, currentPassword = password) =>
  as(person).deleteWorkspace({ id, currentPassword });
const byKey = (person: Signed): Signed => ({ ...person, caller: { ...person.caller, kind: 'api_key' } });

describe('CreateWorkspace', () => {
  it('makes the caller the owner of one more, to which the session can move', async () => {
    const person = await newPerson(identity);
    const made = await as(person).createWorkspace({ name: '  Team ' });
    expect(made).toMatchObject({ name: 'Team', role: 'owner' });
    expect((await workspacesOf(person)).map(({ name, role }) => [name, role])).toEqual([
      ['Personal', 'owner'],
      ['Team', 'owner'],
    ]);
    expect((await refresh(person)).workspace?.id).toBe(person.caller.workspaceId);
    expect((await refresh(person, made.id)).workspace).toMatchObject({ id: made.id, name: 'Team', role: 'owner' });
  });

  it('makes no more than a hundred for one person, also at once', async () => {
    const person = await newPerson(identity);
    await identity.pool.query(
      `with w as (insert into identity.workspaces (name) select 'n' from generate_series(1, 98) returning id)
       insert into identity.memberships (user_id, workspace_id, role) select $1, id, 'owner' from w`,
      [person.caller.userId],
    );
    const tries = await Promise.allSettled(Array.from({ length: 5 }, () => as(person).createWorkspace({ name: 'w' })));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await refusal(as(person).createWorkspace({ name: 'w' }))).toMatchObject({
      code: Code.FailedPrecondition,
      reason: 'WORKSPACE_LIMIT_REACHED',
    });
    expect(await workspacesOf(person)).toHaveLength(100);
  });

  it.each(['', '  ', 'a\u0000b', 'a\nb', 'x'.repeat(129)])('refuses the name %j by its field', async (name) => {
    const person = await newPerson(identity);
    expect(await refusal(as(person).createWorkspace({ name }))).toMatchObject({
      code: Code.InvalidArgument,
      fields: ['name'],
    });
  });

  it('is for people who are there', async () => {
    const person = await newPerson(identity);
    expect(await refusal(as(byKey(person)).createWorkspace({ name: 'w' }))).toMatchObject({
      reason: 'CALLER_KIND_REFUSED',
    });
    await identity.client(person.caller).deleteCurrentUser({ currentPassword: password });
    expect(await refusal(as(person).createWorkspace({ name: 'w' }))).toMatchObject({ reason: 'USER_NOT_FOUND' });
  });
});

/** An owner in a workspace of two members, and a third person with an invitation to it. */
async function team() {
  const owner = await newPerson(identity);
  const { id } = await as(owner).createWorkspace({ name: 'Team' });
  const there = { ...owner, caller: { ...owner.caller, workspaceId: id } };
  const member = await joined(identity, { owner: there, person: await newPerson(identity), role: 'admin' });
  const { secret = '' } = await as(there).createInvitation({ role: 'viewer' });
  return { id, owner, there, member, secret };
}

describe('DeleteWorkspace', () => {
  it('ends what everybody has there, and only that, and has it closed', async () => {
    const { id, owner, there, member, secret } = await team();
    const moved = await refresh(owner, id);
    const home = await logIn(owner);
    const back = await identity.client().refreshSession({
      refreshToken: home.refreshToken,
      workspaceId: owner.caller.workspaceId,
    });
    const ownKey = await identity.client(owner.caller).createApiKey({ name: 'kept', scopes: ['links:read'] });
    const keys = [
      await identity.client(there.caller).createApiKey({ name: 'k', scopes: ['links:read'] }),
      await identity.client(member.caller).createApiKey({ name: 'k', scopes: ['links:read'] }),
    ];
    const { cursor } = await revoked(identity);

    expect(await remove(owner, id.toUpperCase())).toMatchObject({});
    expect([await closed(), deleted]).toEqual([[id], 1]);
    const ended = (await revoked(identity, cursor)).ids;
    expect(ended).toEqual(expect.arrayContaining([member.caller.credentialId, ...keys.map((key) => key.id)]));
    expect(ended).not.toContain(ownKey.id);
    for (const { refreshToken } of [moved, member.session])
      expect(await refusal(identity.client().refreshSession({ refreshToken }))).toMatchObject({
        reason: 'REFRESH_TOKEN_INVALID',
      });
    for (const key of keys)
      expect(await refusal(gateway().verifyApiKey({ secret: key.secret ?? '' }))).toMatchObject({
        reason: 'CREDENTIALS_INVALID',
      });
    expect((await gateway().verifyApiKey({ secret: ownKey.secret ?? '' })).apiKeyId).toBe(ownKey.id);
    const { refreshToken } = back;
    expect((await identity.client().refreshSession({ refreshToken })).workspace?.id).toBe(owner.caller.workspaceId);
    expect((await workspacesOf(owner)).map((workspace) => workspace.id)).toEqual([owner.caller.workspaceId]);
    expect((await workspacesOf(member)).map(({ name }) => name)).toEqual(['Personal']);
    const stranger = await newPerson(identity);
    expect(await refusal(as(stranger).acceptInvitation({ secret }))).toMatchObject({ reason: 'INVITATION_NOT_FOUND' });
    expect(await refusal(remove(owner, id))).toMatchObject({ code: Code.NotFound, reason: 'WORKSPACE_NOT_FOUND' });
  });

  it('leaves nobody without a workspace', async () => {
    const { id, owner, member } = await team();
    for (const { workspaceId, ...person } of [owner.caller, member.caller]) {
      const own = (await workspacesOf({ ...owner, caller: { ...person, workspaceId } })).find(
        (workspace) => workspace.name === 'Personal',
      );
      await remove({ ...owner, caller: { ...person, workspaceId } }, own?.id ?? '');
    }
    expect((await workspacesOf(owner)).map((workspace) => workspace.id)).toEqual([id]);
    await remove(owner, id);
    for (const person of [owner, member]) {
      const [only, ...more] = await workspacesOf(person);
      expect([only?.name, only?.role, more]).toEqual(['Personal', 'owner', []]);
      expect((await logIn(person)).workspace?.id).toBe(only?.id);
    }
  });

  it('leaves somebody a workspace whose last two are deleted at once', async () => {
    for (let round = 0; round < 10; round++) {
      const [one, other] = [await team(), await team()];
      const { secret = '' } = await as(one.there).createInvitation({ role: 'member' });
      await as(other.member).acceptInvitation({ secret });
      for (const { id, name } of await workspacesOf(other.member))
        if (name === 'Personal') await remove(other.member, id);
      await Promise.all([remove(one.owner, one.id), remove(other.owner, other.id)]);
      expect(await workspacesOf(other.member)).toMatchObject([{ name: 'Personal', role: 'owner' }]);
    }
  });

  it('is for its owners, with their password', async () => {
    const { id, owner, member } = await team();
    const stranger = await newPerson(identity);
    expect(await refusal(remove(member, id))).toMatchObject({ code: Code.PermissionDenied, reason: 'OWNER_ONLY' });
    expect(await refusal(remove(stranger, id))).toMatchObject({ code: Code.NotFound, reason: 'WORKSPACE_NOT_FOUND' });
    expect(await refusal(remove(owner, 'none'))).toMatchObject({ reason: 'WORKSPACE_NOT_FOUND' });
    expect(await refusal(remove(byKey(owner), id))).toMatchObject({ reason: 'CALLER_KIND_REFUSED' });
    expect(await refusal(remove(owner, id, ''))).toMatchObject({ fields: ['current_password'] });
    const wrong = { code: Code.InvalidArgument, reason: 'CURRENT_PASSWORD_WRONG', fields: ['current_password'] };
    expect(await refusal(remove(owner, id, 'not it'))).toEqual(wrong);
    expect([await closed(), deleted, (await workspacesOf(member)).length]).toEqual([[], 0, 2]);
    const calls = Array.from({ length: 14 }, () => remove(owner, id, 'not it'));
    const reasons = (await Promise.all(calls.map(refusal))).map(({ reason }) => reason);
    expect(new Set(reasons)).toEqual(new Set(['CURRENT_PASSWORD_WRONG', 'RATE_LIMITED']));
  });

  it('is judged by the role and the password that hold when it is done', async () => {
    const { id, owner, there, member } = await team();
    await as(there).updateMember({ userId: member.caller.userId, role: 'owner' });
    whileChecking = () => as(member).updateMember({ userId: owner.caller.userId, role: 'viewer' });
    expect(await refusal(remove(owner, id))).toMatchObject({ reason: 'OWNER_ONLY' });
    whileChecking = () => as(member).removeMember({ userId: owner.caller.userId });
    await as(member).updateMember({ userId: owner.caller.userId, role: 'owner' });
    expect(await refusal(remove(owner, id))).toMatchObject({ reason: 'WORKSPACE_NOT_FOUND' });
    const newPassword = 'a short ride';
    whileChecking = () => identity.client(member.caller).changePassword({ currentPassword: password, newPassword });
    expect(await refusal(remove(member, id))).toMatchObject({ reason: 'CURRENT_PASSWORD_WRONG' });
    await remove(member, id, newPassword);
    expect(await closed()).toEqual([id]);
  });

  it('includes whoever joins at the last moment', async () => {
    const { id, owner } = await team();
    const late = await newPerson(identity);
    await remove(late, late.caller.workspaceId);
    const joining = await identity.pool.connect();
    try {
      await joining.query('begin');
      await joining.query('delete from identity.memberships where user_id = $1', [late.caller.userId]);
      await joining.query('select from identity.workspaces where id = $1 for no key update', [id]);
      const deletion = remove(owner, id);
      await waitFor(async () => (await identity.waiting()) > 0);
      await joining.query("insert into identity.memberships (user_id, workspace_id, role) values ($1, $2, 'member')", [
        late.caller.userId,
        id,
      ]);
      await joining.query('commit');
      await deletion;
    } finally {
      joining.release();
    }
    expect((await workspacesOf(late)).map(({ name, role }) => [name, role])).toEqual([['Personal', 'owner']]);
  });

  it('waits for what happens in it at the same moment, and leaves no session, key or person behind', async () => {
    for (let round = 0; round < 10; round++) {
      const { id, owner, there, member, secret } = await team();
      const guest = await newPerson(identity);
      const results = await Promise.allSettled([
        remove(owner, id),
        refresh(member),
        refresh(owner, id),
        identity.client(member.caller).createApiKey({ name: 'k', scopes: ['links:read'] }),
        as(guest).acceptInvitation({ secret }),
        as(there).removeMember({ userId: member.caller.userId }),
        identity.client(member.caller).deleteCurrentUser({ currentPassword: password }),
      ]);
      expect(results[0]).toMatchObject({ status: 'fulfilled' });
      for (const result of results)
        if (result.status === 'rejected')
          expect((await refusal(Promise.reject(result.reason))).code, String(result.reason)).not.toBe(Code.Internal);
      const { rows } = await identity.pool.query(
        `select (select count(*)::int from identity.workspaces where id = $1) as workspaces,
           (select count(*)::int from identity.memberships where workspace_id = $1) as memberships,
           (select count(*)::int from identity.sessions where workspace_id = $1) as sessions,
           (select count(*)::int from identity.api_keys where workspace_id = $1) as keys,
           (select count(*)::int from identity.users u where not exists (
             select from identity.memberships m where m.user_id = u.id)) as homeless`,
        [id],
      );
      expect(rows[0]).toEqual({ workspaces: 0, memberships: 0, sessions: 0, keys: 0, homeless: 0 });
      expect(await closed()).toContain(id);
    }
  });
});
