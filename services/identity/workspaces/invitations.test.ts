import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { startSweeper } from '../sweeper.ts';
import {
  callerOf,
  joined,
  newEmail,
  newPerson,
  password,
  refusal,
  type Signed,
  testIssuer,
  useTestIdentity,
} from '../testing/test-identity.ts';

const identity = useTestIdentity();

const dayMs = 86_400_000;
const gone = { code: Code.NotFound, reason: 'INVITATION_NOT_FOUND' };
const as = ({ caller }: Signed) => identity.workspaces(caller);
const invite = async (owner: Signed, role = 'member') => (await as(owner).createInvitation({ role })).secret ?? '';
const open = async (owner: Signed) => (await as(owner).listInvitations({})).invitations;
const members = async (owner: Signed) => (await as(owner).listMembers({})).members.length;

describe('an invitation', () => {
  it('shows its secret once, and is listed until somebody accepted it', async () => {
    const [owner, person] = [await newPerson(identity), await newPerson(identity)];
    const made = await as(owner).createInvitation({ role: 'viewer', name: ' for Brian ' });
    const { secret = '' } = made;
    expect(secret).toMatch(/^hopi_[A-Za-z0-9_-]{43}$/);
    expect(made).toMatchObject({
      role: 'viewer',
      name: 'for Brian',
      invitedBy: 'Ada',
      url: `${testIssuer}/app/join#${secret}`,
    });
    const [createdAt, expiresAt] = [made.createdAt, made.expiresAt].map(
      (time) => time && timestampDate(time).getTime(),
    );
    expect([createdAt, expiresAt]).toEqual([identity.clock.now, identity.clock.now + 7 * dayMs]);
    const [listed] = await open(owner);
    expect(listed).toMatchObject({ id: made.id, role: 'viewer', name: 'for Brian', invitedBy: 'Ada' });
    expect([listed?.secret, listed?.url]).toEqual([undefined, undefined]);
    expect(await as(person).acceptInvitation({ secret })).toMatchObject({
      id: owner.caller.workspaceId,
      name: 'Personal',
      role: 'viewer',
    });
    expect(await open(owner)).toEqual([]);
    expect((await as(person).listWorkspaces({})).workspaces).toHaveLength(2);
  });

  it('says what it is for to whoever has the secret, and leaves everything as it is', async () => {
    const [owner, person] = [await newPerson(identity), await newPerson(identity)];
    const secret = await invite(owner, 'admin');
    const workspace = { id: owner.caller.workspaceId, name: 'Personal' };
    const found = await as(person).lookUpInvitation({ secret });
    expect(found).toMatchObject({ workspace: { ...workspace, role: 'admin' }, invitedBy: 'Ada', isMember: false });
    expect(await as(owner).lookUpInvitation({ secret })).toMatchObject({
      workspace: { ...workspace, role: 'owner' },
      isMember: true,
    });
    expect([await members(owner), (await open(owner)).length]).toEqual([1, 1]);
  });

  it('can be accepted again by whoever accepted it, whose answer was lost, and by nobody else', async () => {
    const [owner, person, other] = [await newPerson(identity), await newPerson(identity), await newPerson(identity)];
    const secret = await invite(owner);
    const accept = (who: Signed) => as(who).acceptInvitation({ secret });
    expect(await accept(person)).toEqual(await accept(person));
    expect(await as(person).lookUpInvitation({ secret })).toMatchObject({ isMember: true });
    expect(await refusal(accept(other))).toMatchObject(gone);
    expect(await refusal(as(other).lookUpInvitation({ secret }))).toMatchObject(gone);
    await as(owner).removeMember({ userId: person.caller.userId });
    expect(await refusal(accept(person))).toMatchObject(gone);
    expect(await members(owner)).toBe(1);
  });

  it('goes with whoever accepted it, so that joining and leaving again fills no table', async () => {
    const [owner, person] = [await newPerson(identity), await newPerson(identity)];
    for (let round = 0; round < 3; round++) {
      await as(person).acceptInvitation({ secret: await invite(owner) });
      await as(owner).removeMember({ userId: person.caller.userId });
    }
    const text = 'select accepted_by from identity.invitations where workspace_id = $1';
    expect((await identity.pool.query(text, [owner.caller.workspaceId])).rows).toEqual([]);
  });

  it('is for one of all who accept it at once', async () => {
    const owner = await newPerson(identity);
    const people = await Promise.all(Array.from({ length: 6 }, () => newPerson(identity)));
    const secret = await invite(owner);
    const accepted = await Promise.allSettled(people.map((person) => as(person).acceptInvitation({ secret })));
    expect(accepted.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await members(owner)).toBe(2);
  });

  it('is not accepted by somebody who waits for it to be taken back', async () => {
    const [owner, person] = [await newPerson(identity), await newPerson(identity)];
    const { id, secret = '' } = await as(owner).createInvitation({ role: 'member' });
    const takingBack = await identity.pool.connect();
    await takingBack.query('begin');
    await takingBack.query('delete from identity.invitations where id = $1', [id]);
    const accepted = refusal(as(person).acceptInvitation({ secret }));
    await waitFor(async () => (await identity.waiting()) > 0);
    await takingBack.query('commit');
    takingBack.release();
    expect(await accepted).toMatchObject(gone);
    expect(await members(owner)).toBe(1);
  });

  it('stays open where a member comes with it, whose role does not change', async () => {
    const owner = await newPerson(identity);
    const viewer = await joined(identity, { owner, person: await newPerson(identity), role: 'viewer' });
    const secret = await invite(owner, 'admin');
    expect(await refusal(as(viewer).acceptInvitation({ secret }))).toMatchObject({
      code: Code.AlreadyExists,
      reason: 'ALREADY_MEMBER',
    });
    expect(await open(owner)).toHaveLength(1);
    expect((await as(viewer).listWorkspaces({})).workspaces[1]?.role).toBe('viewer');
  });

  it('ends after seven days, and is swept then', async () => {
    const [owner, person] = [await newPerson(identity), await newPerson(identity)];
    const [secret, accepted] = [await invite(owner), await invite(owner)];
    await as(person).acceptInvitation({ secret: accepted });
    identity.clock.now += 7 * dayMs;
    const late = await newPerson(identity);
    expect(await refusal(as(late).acceptInvitation({ secret }))).toMatchObject(gone);
    expect(await refusal(as(late).lookUpInvitation({ secret }))).toMatchObject(gone);
    expect(await open(owner)).toEqual([]);
    const rows = async () =>
      (
        await identity.pool.query('select 1 from identity.invitations where workspace_id = $1', [
          owner.caller.workspaceId,
        ])
      ).rowCount;
    expect(await rows()).toBe(2);
    await identity.pool.query("update identity.invitations set expires_at = now() - interval '1 second'");
    const sweeper = startSweeper({ store: identity.store, graceMs: 0, intervalMs: 10, log: silentLog });
    await waitFor(async () => (await rows()) === 0);
    await sweeper.stop();
  });

  it('can be taken back, in the workspace that it is of', async () => {
    const [owner, other] = [await newPerson(identity), await newPerson(identity)];
    const { id, secret = '' } = await as(owner).createInvitation({ role: 'member' });
    for (const wrong of [id, 'not-an-id'])
      expect(await refusal(as(other).deleteInvitation({ id: wrong }))).toMatchObject(gone);
    await as(owner).deleteInvitation({ id });
    expect(await refusal(as(other).acceptInvitation({ secret }))).toMatchObject(gone);
    expect(await refusal(as(owner).deleteInvitation({ id }))).toMatchObject(gone);
  });

  it('cannot be taken back once it was accepted or has ended', async () => {
    const [owner, person] = [await newPerson(identity), await newPerson(identity)];
    const [accepted, ended] = [
      await as(owner).createInvitation({ role: 'member' }),
      await as(owner).createInvitation({ role: 'member' }),
    ];
    await as(person).acceptInvitation({ secret: accepted.secret ?? '' });
    expect(await refusal(as(owner).deleteInvitation({ id: accepted.id }))).toMatchObject(gone);
    identity.clock.now += 7 * dayMs;
    expect(await refusal(as(owner).deleteInvitation({ id: ended.id }))).toMatchObject(gone);
  });

  it('is listed before those that were made earlier', async () => {
    const owner = await newPerson(identity);
    for (const name of ['first', 'second', 'third']) {
      await as(owner).createInvitation({ role: 'viewer', name });
      identity.clock.now++;
    }
    expect((await open(owner)).map(({ name }) => name)).toEqual(['third', 'second', 'first']);
  });

  it('names its inviter by the email, if they have no name', async () => {
    const email = newEmail();
    const owner = callerOf(await identity.client().signUp({ email, password }));
    expect((await identity.workspaces(owner).createInvitation({ role: 'viewer' })).invitedBy).toBe(email);
  });

  it('is void once its inviter was removed, or has another role', async () => {
    const owner = await newPerson(identity);
    const person = await newPerson(identity);
    for (const change of [
      (userId: string) => as(owner).updateMember({ userId, role: 'member' }),
      (userId: string) => as(owner).removeMember({ userId }),
    ]) {
      const admin = await joined(identity, { owner, person: await newPerson(identity), role: 'admin' });
      const [secret, other] = [await invite(admin, 'admin'), await as(owner).createInvitation({ role: 'viewer' })];
      await change(admin.caller.userId);
      expect(await refusal(as(person).acceptInvitation({ secret }))).toMatchObject(gone);
      expect((await open(owner)).map(({ id }) => id)).toEqual([other.id]);
      await as(owner).deleteInvitation({ id: other.id });
    }
  });

  it('remains accepted when its inviter has another role', async () => {
    const [owner, person] = [await newPerson(identity), await newPerson(identity)];
    const admin = await joined(identity, { owner, person: await newPerson(identity), role: 'admin' });
    const secret = await invite(admin);
    const accepted = await as(person).acceptInvitation({ secret });
    await as(owner).updateMember({ userId: admin.caller.userId, role: 'member' });
    expect(await as(person).acceptInvitation({ secret })).toEqual(accepted);
  });

  it('names a role, and a name that can be shown', async () => {
    const owner = await newPerson(identity);
    for (const [request, field] of [
      [{ role: 'king' }, 'role'],
      [{ role: '' }, 'role'],
      [{ role: 'viewer', name: 'a\nb' }, 'name'],
      [{ role: 'viewer', name: 'x'.repeat(129) }, 'name'],
    ] as const)
      expect(await refusal(as(owner).createInvitation(request))).toMatchObject({ fields: [field] });
    for (const secret of ['hopi_short', `hopi_${'x'.repeat(44)}`, 'x'.repeat(48)])
      expect(await refusal(as(owner).acceptInvitation({ secret }))).toMatchObject(gone);
  });
});

describe('there are at most', () => {
  const fill = (text: string, values: readonly unknown[]) => identity.pool.query(text, [...values]);

  it('a hundred open invitations in a workspace', async () => {
    const owner = await newPerson(identity);
    for (let made = 0; made < 100; made++) await invite(owner);
    expect(await refusal(invite(owner))).toMatchObject({
      code: Code.FailedPrecondition,
      reason: 'INVITATION_LIMIT_REACHED',
    });
    const [first] = await open(owner);
    await as(owner).deleteInvitation({ id: first?.id ?? '' });
    const secret = await invite(owner);
    await as(await newPerson(identity)).acceptInvitation({ secret });
    const together = await Promise.allSettled([1, 2, 3, 4].map(() => invite(owner)));
    expect(together.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    identity.clock.now += 7 * dayMs;
    await invite(owner);
  });

  it('five hundred members in it', async () => {
    const [owner, person] = [await newPerson(identity), await newPerson(identity)];
    const secret = await invite(owner);
    await fill(
      `with u as (
         insert into identity.users (email, email_key, name, password_hash)
         select 'm' || n || $1, 'm' || n || $1, '', 'h' from generate_series(1, 499) n returning id
       ) insert into identity.memberships (user_id, workspace_id, role) select id, $2, 'viewer' from u`,
      [owner.email, owner.caller.workspaceId],
    );
    expect(await refusal(as(person).acceptInvitation({ secret }))).toMatchObject({ reason: 'MEMBER_LIMIT_REACHED' });
    expect(await members(owner)).toBe(500);
    const text = "delete from identity.users where email = 'm1' || $1";
    await identity.pool.query(text, [owner.email]);
    const secrets = [secret, await invite(owner), await invite(owner)];
    const people = await Promise.all(secrets.map(() => newPerson(identity)));
    const together = await Promise.allSettled(
      people.map((each, index) => as(each).acceptInvitation({ secret: secrets[index] ?? '' })),
    );
    expect(together.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('a hundred workspaces of one person', async () => {
    const [owner, person] = [await newPerson(identity), await newPerson(identity)];
    const secret = await invite(owner);
    await fill(
      `with w as (insert into identity.workspaces (name) select 'w' from generate_series(1, 99) returning id)
       insert into identity.memberships (user_id, workspace_id, role) select $1, id, 'viewer' from w`,
      [person.caller.userId],
    );
    expect(await refusal(as(person).acceptInvitation({ secret }))).toMatchObject({ reason: 'WORKSPACE_LIMIT_REACHED' });
    const { workspaces } = await as(person).listWorkspaces({});
    expect(workspaces).toHaveLength(100);
    await identity.pool.query('delete from identity.workspaces where id = $1', [workspaces[99]?.id]);
    const secrets = [secret, await invite(await newPerson(identity)), await invite(await newPerson(identity))];
    const together = await Promise.allSettled(secrets.map((each) => as(person).acceptInvitation({ secret: each })));
    expect(together.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
