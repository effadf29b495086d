import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import {
  callerOf,
  newPerson,
  password,
  refusal,
  revoked,
  type Signed,
  useTestIdentity,
} from '../testing/test-identity.ts';

const identity = useTestIdentity();

const refresh = (refreshToken: string, workspaceId = '') =>
  identity.client().refreshSession({ refreshToken, workspaceId });

/** A person in a session of their own workspace, who belongs to the workspace of another, too. */
async function memberOfTwo(): Promise<{ owner: Signed; person: Signed; home: string; team: string }> {
  const [owner, person] = [await newPerson(identity), await newPerson(identity)];
  const { secret = '' } = await identity.workspaces(owner.caller).createInvitation({ role: 'viewer' });
  await identity.workspaces(person.caller).acceptInvitation({ secret });
  return { owner, person, home: person.caller.workspaceId, team: owner.caller.workspaceId };
}

/** Moves a session, and begins something else when its rows are locked. */
async function moveWhile<Value>(refreshToken: string, workspaceId: string, begin: () => Promise<Value>) {
  let meanwhile: Promise<Value> | undefined;
  const successor = { hash: randomBytes(32), expiresAt: new Date(identity.clock.now + 86_400_000) };
  const used = await identity.store.useRefreshToken(createHash('sha256').update(refreshToken).digest(), {
    workspaceId,
    decide() {
      meanwhile = begin();
      return { kind: 'rotate', at: new Date(identity.clock.now), nonce: randomBytes(32), successor };
    },
  });
  if (!used || used === 'no_member') return expect.fail('refused');
  return { sessionId: used.held.sessionId, meanwhile };
}

describe('a session that moves to another workspace', () => {
  it('has another id there and the role of that workspace, and its tokens from before are over', async () => {
    const { person, team } = await memberOfTwo();
    const { cursor } = await revoked(identity);
    const session = await refresh(person.session.refreshToken, team);
    expect(session.workspace).toMatchObject({ id: team, role: 'viewer' });
    const caller = callerOf(session);
    expect(caller).toMatchObject({ workspaceId: team, role: 'viewer', scopes: ['links:read', 'stats:read'] });
    expect(caller.credentialId).not.toBe(person.caller.credentialId);
    expect((await revoked(identity, cursor)).ids).toEqual([person.caller.credentialId]);
    const { sessions } = await identity.client(caller).listSessions({});
    expect(sessions).toMatchObject([{ id: caller.credentialId, isCurrent: true }]);
    expect((await refresh(session.refreshToken)).workspace?.id).toBe(team);
  });

  it('is where the next log-in leads, until another one moves', async () => {
    const { person, home, team } = await memberOfTwo();
    const workspaceOfLogIn = async () =>
      (await identity.client().logIn({ email: person.email, password })).workspace?.id;
    expect(await workspaceOfLogIn()).toBe(home);
    const { refreshToken } = await refresh(person.session.refreshToken, team);
    expect(await workspaceOfLogIn()).toBe(team);
    await refresh(refreshToken, home);
    expect(await workspaceOfLogIn()).toBe(home);
  });

  it('stays where it is when it is there already', async () => {
    const { person, home } = await memberOfTwo();
    const { cursor } = await revoked(identity);
    const session = await refresh(person.session.refreshToken, home.toUpperCase());
    expect(callerOf(session).credentialId).toBe(person.caller.credentialId);
    expect((await revoked(identity, cursor)).ids).toEqual([]);
  });

  it('answers the same to whoever lost the answer, and moves for whoever asks for it only then', async () => {
    const { person, home, team } = await memberOfTwo();
    const { refreshToken } = person.session;
    const first = await refresh(refreshToken, team);
    for (const again of [await refresh(refreshToken, team), await refresh(refreshToken)]) {
      expect(again.refreshToken).toBe(first.refreshToken);
      expect(callerOf(again)).toEqual(callerOf(first));
    }
    const back = await refresh(refreshToken, home);
    expect([back.refreshToken, back.workspace?.id]).toEqual([first.refreshToken, home]);
  });

  it('goes on for all who exchange its token at the same time', async () => {
    for (let round = 0; round < 5; round++) {
      const { person, home, team } = await memberOfTwo();
      const asked = ['', team, '', home, '', team, '', ''];
      const answers = await Promise.all(asked.map((workspaceId) => refresh(person.session.refreshToken, workspaceId)));
      expect(new Set(answers.map(({ refreshToken }) => refreshToken)).size).toBe(1);
      answers.forEach(({ workspace }, index) => {
        if (asked[index]) expect(workspace?.id).toBe(asked[index]);
      });
    }
  });

  it('does not move to where the person does not belong, and then its token is not used', async () => {
    const { person } = await memberOfTwo();
    const stranger = await newPerson(identity);
    for (const workspaceId of [stranger.caller.workspaceId, randomUUID(), 'not-an-id'])
      expect(await refusal(refresh(person.session.refreshToken, workspaceId))).toMatchObject({
        code: Code.NotFound,
        reason: 'WORKSPACE_NOT_FOUND',
      });
    const { rows } = await identity.pool.query('select 1 from identity.refresh_tokens where session_id = $1', [
      person.caller.credentialId,
    ]);
    expect(rows).toHaveLength(1);
    expect(await refusal(refresh('hopr_unknown', stranger.caller.workspaceId))).toMatchObject({
      code: Code.Unauthenticated,
    });
  });

  it('does not outlive a removal at the same time', async () => {
    for (let round = 0; round < 20; round++) {
      const { owner, person, team } = await memberOfTwo();
      const { cursor } = await revoked(identity);
      const [moved] = await Promise.allSettled([
        refresh(person.session.refreshToken, team),
        identity.workspaces(owner.caller).removeMember({ userId: person.caller.userId }),
      ]);
      if (moved.status === 'rejected') continue;
      expect((await revoked(identity, cursor)).ids).toContain(callerOf(moved.value).credentialId);
      expect(await refusal(refresh(moved.value.refreshToken))).toMatchObject({ reason: 'REFRESH_TOKEN_INVALID' });
    }
  });

  it('does not outlive a change of the password at the same time', async () => {
    for (let round = 0; round < 10; round++) {
      const { person, team } = await memberOfTwo();
      const other = await identity.client().logIn({ email: person.email, password });
      const change = { currentPassword: password, newPassword: `another one ${round}, and longer` };
      const [moved] = await Promise.allSettled([
        refresh(other.refreshToken, team),
        identity.client(person.caller).changePassword(change),
      ]);
      if (moved.status === 'rejected') continue;
      expect(await refusal(refresh(moved.value.refreshToken))).toMatchObject({ reason: 'REFRESH_TOKEN_INVALID' });
    }
  });

  it('is ended by whoever ends all others, even one that waits for the move', async () => {
    for (let round = 0; round < 10; round++) {
      const { person, team } = await memberOfTwo();
      const other = await identity.client().logIn({ email: person.email, password });
      const { userId, credentialId } = person.caller;
      const { cursor } = await revoked(identity);
      const { sessionId, meanwhile } = await moveWhile(other.refreshToken, team, () =>
        identity.store.revokeOtherSessions(credentialId, userId, new Date(), 10),
      );
      expect(await meanwhile).toBe(1);
      expect((await revoked(identity, cursor)).ids.toSorted()).toEqual(
        [callerOf(other).credentialId, sessionId].toSorted(),
      );
      expect((await identity.client(person.caller).listSessions({})).sessions).toHaveLength(1);
    }
  });

  it('is over when it is logged out, even with an access token from before, and with the account', async () => {
    for (const end of [
      ({ caller }: Signed) => identity.client(caller).logOut({}),
      ({ caller }: Signed) => identity.client(caller).deleteCurrentUser({ currentPassword: password }),
    ]) {
      const { person, team } = await memberOfTwo();
      const session = await refresh(person.session.refreshToken, team);
      const { cursor } = await revoked(identity);
      await end(person);
      expect((await revoked(identity, cursor)).ids).toEqual([callerOf(session).credentialId]);
      expect(await refusal(refresh(session.refreshToken))).toMatchObject({ reason: 'REFRESH_TOKEN_INVALID' });
    }
  });

  it('is still ended as a whole when a token comes again after the grace', async () => {
    const { person, team } = await memberOfTwo();
    const session = await refresh(person.session.refreshToken, team);
    identity.clock.now += 31_000;
    expect(await refusal(refresh(person.session.refreshToken))).toMatchObject({ reason: 'REFRESH_TOKEN_REUSED' });
    expect(await refusal(refresh(session.refreshToken))).toMatchObject({ reason: 'REFRESH_TOKEN_INVALID' });
  });
});
