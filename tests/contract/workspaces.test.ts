import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call, reasonOf } from '../support/http.ts';
import { inWorkspace, joined, newLink, newPerson, type Person } from '../support/people.ts';
import { logIn, me } from './support/identity.ts';
import { followed } from './support/links.ts';
import { expectBad, expectRefusal } from './support/refusals.ts';

const listed = async (path: string, { token }: Person) => {
  const answer = await call(path, { token });
  expect(answer.status, answer.text).toBe(200);
  return answer.json;
};
const invite = (owner: Person, body: object) => call('/api/v1/invitations', { token: owner.token, body });
const accept = (person: Person, secret: string) =>
  call('/api/v1/invitations:accept', { token: person.token, body: { secret } });

/** Until the mesh has heard of it, which takes at most 5 s. */
async function expectTokenOver({ token }: Person): Promise<void> {
  const ask = () => call('/api/v1/urls', { token });
  const { answer } = await eventually(ask, ({ status }) => status !== 200, { timeoutMs: 5_000, everyMs: 100 });
  expectRefusal(answer, 401, 'CREDENTIALS_INVALID');
}

describe('an invitation', () => {
  it('is created with a secret and a page, looked up, accepted, and then no longer there', async () => {
    const [owner, person, other] = [await newPerson(), await newPerson(), await newPerson()];
    const made = await invite(owner, { role: 'viewer', name: 'Brian' });
    expect(made.status).toBe(201);
    expect(made.headers.get('cache-control')).toBe('no-store');
    const { id, secret, url, invited_by, created_at, expires_at } = made.json;
    expect(secret).toMatch(/^hopi_[A-Za-z0-9_-]{43}$/);
    expect(url.endsWith(`/app/join#${secret}`)).toBe(true);
    expect(Date.parse(expires_at) - Date.parse(created_at)).toBe(7 * 86_400_000);
    expect(invited_by).toBe('Ada');
    const { invitations } = await listed('/api/v1/invitations', owner);
    expect(invitations).toMatchObject([{ id, role: 'viewer', name: 'Brian' }]);
    expect([invitations[0].secret ?? '', invitations[0].url ?? '']).toEqual(['', '']);

    const lookUp = await call('/api/v1/invitations:lookUp', { token: person.token, body: { secret } });
    expect(lookUp.json).toMatchObject({
      workspace: { id: owner.workspaceId, name: 'Personal', role: 'viewer' },
      invited_by: 'Ada',
      is_member: false,
    });
    const joining = await accept(person, secret);
    expect([joining.status, joining.json]).toEqual([200, { id: owner.workspaceId, name: 'Personal', role: 'viewer' }]);
    expect((await accept(person, secret)).json).toEqual(joining.json);
    expectRefusal(await accept(other, secret), 404, 'INVITATION_NOT_FOUND');
    expect((await listed('/api/v1/invitations', owner)).invitations).toEqual([]);
    expectRefusal(
      await call(`/api/v1/invitations/${id}`, { method: 'DELETE', token: owner.token }),
      404,
      'INVITATION_NOT_FOUND',
    );
  });

  it('is taken back', async () => {
    const [owner, person] = [await newPerson(), await newPerson()];
    const { id, secret } = (await invite(owner, { role: 'member' })).json;
    const answer = await call(`/api/v1/invitations/${id}`, { method: 'DELETE', token: owner.token });
    expect([answer.status, answer.json]).toEqual([200, {}]);
    expectRefusal(await accept(person, secret), 404, 'INVITATION_NOT_FOUND');
  });

  it('is refused with the name of the field', async () => {
    const owner = await newPerson();
    expectBad(await invite(owner, { role: 'king' }), 'role');
    expectBad(await invite(owner, {}), 'role');
    expectBad(await invite(owner, { role: 'viewer', name: 'x'.repeat(129) }), 'name');
    expectBad(await call('/api/v1/invitations:accept', { token: owner.token, body: {} }), 'secret');
  });
});

describe('a member', () => {
  it('sees the links of the workspace, in the role that the invitation gave', async () => {
    const owner = await newPerson();
    const { code } = await newLink(owner);
    const person = await newPerson();
    const viewer = await joined(owner, person, 'viewer');
    expect((await listed('/api/v1/urls', viewer)).urls).toMatchObject([{ code }]);
    const edit = { method: 'PATCH', token: viewer.token, body: { title: 'mine' } };
    expectRefusal(await call(`/api/v1/urls/${code}`, edit), 403, 'ROLE_MISSING');
    expect((await me(viewer.token)).json.workspace).toEqual({
      id: owner.workspaceId,
      name: 'Personal',
      role: 'viewer',
    });
    await expectTokenOver(person);
    expect((await logIn(person.email, person.password)).json.workspace.id).toBe(owner.workspaceId);
  });

  it('belongs to both workspaces, and goes back', async () => {
    const owner = await newPerson();
    const person = await newPerson();
    const member = await joined(owner, person, 'member');
    expect((await listed('/api/v1/workspaces', member)).workspaces).toMatchObject([
      { id: person.workspaceId, role: 'owner' },
      { id: owner.workspaceId, role: 'member' },
    ]);
    await newLink(member);
    const back = await inWorkspace(member, person.workspaceId);
    expect((await listed('/api/v1/urls', back)).urls).toEqual([]);
    expectRefusal(
      await call('/api/auth/refresh', {
        body: { refresh_token: back.refreshToken, workspace_id: (await newPerson()).workspaceId },
      }),
      404,
      'WORKSPACE_NOT_FOUND',
    );
    await inWorkspace(back, owner.workspaceId);
  });

  it('gets another role, and has to sign in again', async () => {
    const owner = await newPerson();
    const member = await joined(owner, await newPerson(), 'member');
    const path = `/api/v1/members/${member.userId}`;
    const change = (role: string) => call(path, { method: 'PATCH', token: owner.token, body: { role } });
    expectBad(await change('root'), 'role');
    const answer = await change('admin');
    expect(answer.json).toMatchObject({ user_id: member.userId, email: member.email, role: 'admin' });
    await expectTokenOver(member);
    expect((await logIn(member.email, member.password)).json.workspace.role).toBe('admin');
    expect((await listed('/api/v1/members', owner)).members).toMatchObject([
      { user_id: owner.userId, role: 'owner', is_current: true },
      { user_id: member.userId, role: 'admin', is_current: false },
    ]);
  });

  it('is removed, and is back in their own workspace', async () => {
    const owner = await newPerson();
    const person = await newPerson();
    const member = await joined(owner, person, 'admin');
    const answer = await call(`/api/v1/members/${member.userId}`, { method: 'DELETE', token: owner.token });
    expect([answer.status, answer.json]).toEqual([200, {}]);
    await expectTokenOver(member);
    expect((await logIn(person.email, person.password)).json.workspace.id).toBe(person.workspaceId);
  });

  it('leaves', async () => {
    const owner = await newPerson();
    const viewer = await joined(owner, await newPerson(), 'viewer');
    expect((await call('/api/v1/members/me', { method: 'DELETE', token: viewer.token })).status).toBe(200);
    await expectTokenOver(viewer);
    expect((await listed('/api/v1/members', owner)).members).toHaveLength(1);
  });
});

describe('a workspace', () => {
  it('keeps its last owner', async () => {
    const owner = await newPerson();
    await joined(owner, await newPerson(), 'admin');
    const { token, password } = owner;
    const demotion = { method: 'PATCH', token, body: { role: 'viewer' } };
    expectRefusal(await call('/api/v1/members/me', demotion), 400, 'LAST_OWNER');
    expectRefusal(await call('/api/v1/members/me', { method: 'DELETE', token }), 400, 'LAST_OWNER');
    const deletion = { token, body: { current_password: password } };
    expectRefusal(await call('/api/v1/users/me:delete', deletion), 400, 'LAST_OWNER');
  });

  it('is created beside the first one, and deleted with its links, for all of its members', async () => {
    const owner = await newPerson();
    const create = (name: string) => call('/api/v1/workspaces', { token: owner.token, body: { name } });
    expectBad(await create(' '), 'name');
    const made = await create('Team');
    const { id } = made.json;
    expect([made.status, made.json]).toEqual([201, { id, name: 'Team', role: 'owner' }]);
    expect((await listed('/api/v1/workspaces', owner)).workspaces).toMatchObject([
      { id: owner.workspaceId, name: 'Personal' },
      { id, name: 'Team' },
    ]);
    const home = await newLink(owner);
    const { email, password } = owner;
    const { refresh_token: refreshToken } = (await logIn(email, password)).json;
    const there = await inWorkspace({ ...owner, refreshToken }, id);
    const { code } = await newLink(there);
    const member = await joined(there, await newPerson(), 'admin');
    const remove = (token: string, body: object) => call(`/api/v1/workspaces/${id}:delete`, { token, body });
    expectRefusal(await remove(member.token, { current_password: password }), 403, 'OWNER_ONLY');
    expectBad(await remove(owner.token, {}), 'current_password');
    const wrong = await remove(owner.token, { current_password: 'not it' });
    expectBad(wrong, 'current_password');
    expect(reasonOf(wrong)).toBe('CURRENT_PASSWORD_WRONG');
    const stranger = await newPerson();
    expectRefusal(await remove(stranger.token, { current_password: password }), 404, 'WORKSPACE_NOT_FOUND');
    expect((await followed(code))[0]).toBe(302);

    const answer = await remove(owner.token, { current_password: password });
    expect([answer.status, answer.json]).toEqual([200, {}]);
    for (const person of [there, member]) await expectTokenOver(person);
    const { answer: gone } = await eventually(
      () => followed(code),
      ([status]) => status !== 302,
      { timeoutMs: 5_000 },
    );
    expect(gone[0]).toBe(410);
    expect((await followed(home.code))[0]).toBe(302);
    expect((await listed('/api/v1/workspaces', owner)).workspaces).toMatchObject([{ id: owner.workspaceId }]);
    expect((await logIn(member.email, member.password)).json.workspace.name).toBe('Personal');
    expectRefusal(await remove(owner.token, { current_password: password }), 404, 'WORKSPACE_NOT_FOUND');
  });

  it('is renamed', async () => {
    const owner = await newPerson();
    const rename = (name: string) => call('/api/v1/workspace', { method: 'PATCH', token: owner.token, body: { name } });
    expect((await rename('Größe & Co')).json).toEqual({ id: owner.workspaceId, name: 'Größe & Co', role: 'owner' });
    expect((await me(owner.token)).json.workspace.name).toBe('Größe & Co');
    expectBad(await rename(' '), 'name');
  });

  it('is changed only by an owner where it is about owners', async () => {
    const owner = await newPerson();
    const admin = await joined(owner, await newPerson(), 'admin');
    const path = `/api/v1/members/${owner.userId}`;
    expectRefusal(await call(path, { method: 'DELETE', token: admin.token }), 403, 'OWNER_ONLY');
    const invitation = await invite(admin, { role: 'owner' });
    expect([invitation.status, reasonOf(invitation)]).toEqual([403, 'OWNER_ONLY']);
  });
});
