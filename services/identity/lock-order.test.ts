import { describe, expect, it } from 'vitest';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { joined, newPerson, password, type Signed, useTestIdentity } from './testing/test-identity.ts';

const identity = useTestIdentity();

const refresh = (refreshToken: string, workspaceId = '') =>
  identity.client().refreshSession({ refreshToken, workspaceId });

interface Conflict {
  /** What another transaction has locked already, in SQL. */
  readonly held: string;
  /** The call that waits for it. */
  readonly call: () => Promise<unknown>;
  /** What the other transaction locks then: the call must not hold it. */
  readonly wanted: readonly string[];
}

/** Lets a call wait for another transaction, and that one go on: if it has to wait for the call in turn, it fails. */
async function expectNoDeadlock({ held, call, wanted }: Conflict): Promise<void> {
  const other = await identity.pool.connect();
  try {
    await other.query(`begin; ${held}`);
    const called = call();
    called.catch(() => {});
    await waitFor(async () => (await identity.waiting()) > 0);
    await other.query("set local lock_timeout = '500ms'");
    for (const text of wanted) await other.query(text);
    await other.query('commit');
    await called;
  } finally {
    await other.query('rollback');
    other.release();
  }
}

/** The statements with which other transactions lock what is of a person. */
function locksOf({ caller: { userId, workspaceId } }: Signed) {
  const sessions = `select id from identity.sessions where user_id = '${userId}'`;
  return {
    workspace: `select from identity.workspaces where id = '${workspaceId}' for no key update`,
    memberships: `select from identity.memberships where user_id = '${userId}' for update`,
    tokens: `select from identity.refresh_tokens where session_id in (${sessions}) for update`,
    sessions: `${sessions} for update`,
  };
}

async function memberOfTwo(): Promise<{ member: Signed; home: string; team: string }> {
  const [owner, person] = [await newPerson(identity), await newPerson(identity)];
  const member = await joined(identity, { owner, person });
  return { member, home: person.caller.workspaceId, team: owner.caller.workspaceId };
}

describe('transactions of other calls lock in the same order as', () => {
  it('a move: first the membership, as a change of the role does', async () => {
    const { member, home } = await memberOfTwo();
    const { memberships, tokens, sessions } = locksOf(member);
    await expectNoDeadlock({
      held: memberships,
      call: () => refresh(member.session.refreshToken, home),
      wanted: [tokens, sessions],
    });
  });

  it('a move to where the session is already, however the workspace is written', async () => {
    const { member, team } = await memberOfTwo();
    const { memberships, tokens, sessions } = locksOf(member);
    await expectNoDeadlock({
      held: memberships,
      call: () => refresh(member.session.refreshToken, team.toUpperCase()),
      wanted: [tokens, sessions],
    });
  });

  it('a deletion of the account: first the workspaces, then the memberships, as a change of the role does', async () => {
    const { member } = await memberOfTwo();
    const { workspace, memberships } = locksOf(member);
    await expectNoDeadlock({
      held: workspace,
      call: () => identity.client(member.caller).deleteCurrentUser({ currentPassword: password }),
      wanted: [memberships],
    });
  });

  it('a deletion of the account: first the memberships, then the sessions, as a move does', async () => {
    const { member } = await memberOfTwo();
    const { memberships, tokens, sessions } = locksOf(member);
    await expectNoDeadlock({
      held: memberships,
      call: () => identity.client(member.caller).deleteCurrentUser({ currentPassword: password }),
      wanted: [tokens, sessions],
    });
  });

  it('a deletion of the workspace: first the workspace, then memberships, tokens and sessions', async () => {
    const order = ['workspace', 'memberships', 'tokens', 'sessions'] as const;
    for (const first of order.keys()) {
      const owner = await newPerson(identity);
      const [held = '', ...wanted] = order.slice(first).map((what) => locksOf(owner)[what]);
      const id = owner.caller.workspaceId;
      await expectNoDeadlock({
        held,
        call: () => identity.workspaces(owner.caller).deleteWorkspace({ id, currentPassword: password }),
        wanted,
      });
    }
  });
});

it('a session that moves does not wait for calls with its earlier tokens, which wait for it', async () => {
  const { member, home } = await memberOfTwo();
  const { refreshToken } = await refresh(member.session.refreshToken);
  const earlier = await identity.pool.connect();
  try {
    await earlier.query('begin');
    await earlier.query(
      `select from identity.refresh_tokens t join identity.sessions s on s.id = t.session_id
       where s.user_id = $1 and t.replaced_at is not null for update of t`,
      [member.caller.userId],
    );
    expect((await refresh(refreshToken, home)).workspace?.id).toBe(home);
  } finally {
    await earlier.query('rollback');
    earlier.release();
  }
});
