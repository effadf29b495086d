import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { WorkspaceSchema } from '../gen/hop/identity/v1/user_pb.ts';
import { bearerOf, failing, refusal, scripted, sessionOf } from '../testing/scripted.ts';
import type { Hopline } from './hopline.ts';
import { type Actor, memoryStore, type Session } from './session.ts';

const seen: (string | null)[] = [];
const getLink = (_: unknown, context: Parameters<typeof bearerOf>[0]) => {
  seen.push(bearerOf(context));
  return {};
};
const calls = () => seen.splice(0);

/** A store that holds a session of `leftMs` more. */
function storeWith(leftMs: number, actor?: Actor) {
  const store = memoryStore();
  store.write(stored('old', leftMs, actor));
  return store;
}

const stored = (name: string, leftMs: number, actor?: Actor): Session => ({
  token: `token ${name}`,
  refreshToken: `refresh ${name}`,
  expiresAtMs: 1_000_000 + leftMs,
  ...(actor ? { actor } : {}),
});

it('signs calls with an API key as it is', async () => {
  const { hop } = scripted({ links: { getLink } }, { apiKey: 'hop_secret' });
  await hop.links.getLink({ code: 'a' });
  expect(calls()).toEqual(['Bearer hop_secret']);
});

describe('signing in', () => {
  it.each([
    ['it logs out', (hop: Hopline) => hop.identity.logOut({})],
    ['that person is deleted', (hop: Hopline) => hop.identity.deleteCurrentUser({ currentPassword: 'it' })],
  ])('makes the client that person, until %s', async (_, end) => {
    const logIn = failing([], sessionOf('ada'));
    const identity = { logIn: logIn.handler, logOut: () => ({}), deleteCurrentUser: () => ({}) };
    const { hop } = scripted({ links: { getLink }, identity });
    await hop.links.getLink({ code: 'a' });
    await hop.identity.logIn({ email: 'ada@example.org', password: 'a long enough passphrase' });
    await hop.links.getLink({ code: 'a' });
    await end(hop);
    await hop.links.getLink({ code: 'a' });
    expect(calls()).toEqual([null, 'Bearer token ada', null]);
    expect(logIn.contexts.map(bearerOf)).toEqual([null]);
  });
});

describe('a token near its end', () => {
  it('is renewed once for all calls that wait', async () => {
    const refresh = failing([], sessionOf('new'));
    const session = storeWith(5_000);
    const { hop } = scripted({ links: { getLink }, identity: { refreshSession: refresh.handler } }, { session });
    await Promise.all(Array.from({ length: 5 }, () => hop.links.getLink({ code: 'a' })));
    expect(calls()).toEqual(Array(5).fill('Bearer token new'));
    expect(refresh.contexts).toHaveLength(1);
    expect(await session.read()).toMatchObject({ token: 'token new', refreshToken: 'refresh new' });
  });

  it.each([
    [-1, [], false],
    [5_000, ['Bearer token old'], true],
  ])('with %d ms left is not exchanged where its successor cannot be stored', async (leftMs, made, isFine) => {
    const refresh = failing([], sessionOf('new'));
    const session = {
      ...storeWith(leftMs),
      check: () => {
        throw new Error('The disk is full.');
      },
    };
    const { hop } = scripted({ links: { getLink }, identity: { refreshSession: refresh.handler } }, { session });
    const call = hop.links.getLink({ code: 'a' });
    if (isFine) await call;
    else await expect(call).rejects.toMatchObject({ message: 'The disk is full.' });
    await expect(hop.useWorkspace('w2')).rejects.toMatchObject({ message: 'The disk is full.' });
    expect([calls(), refresh.contexts.length]).toEqual([made, 0]);
  });

  it('is used as long as it holds when it cannot be renewed', async () => {
    const refreshSession = () => {
      throw refusal(Code.Unavailable, 'DEPENDENCY_UNAVAILABLE', 60_000);
    };
    const { hop } = scripted({ links: { getLink }, identity: { refreshSession } }, { session: storeWith(5_000) });
    await hop.links.getLink({ code: 'a' });
    expect(calls()).toEqual(['Bearer token old']);
  });

  it('is taken from the store where another process has renewed it', async () => {
    const session = storeWith(60_000);
    const { hop, world } = scripted({ links: { getLink } }, { session });
    await hop.links.getLink({ code: 'a' });
    world.pass(50_000);
    session.write({ token: 'token other', refreshToken: 'refresh other', expiresAtMs: 2_000_000 });
    await hop.links.getLink({ code: 'a' });
    expect(calls()).toEqual(['Bearer token old', 'Bearer token other']);
  });
});

describe('a token that is renewed while', () => {
  it('somebody signs out does not sign them in again', async () => {
    const session = storeWith(1_000);
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<ReturnType<typeof sessionOf>>();
    const refreshSession = () => {
      asked.resolve();
      return answer.promise;
    };
    const { hop } = scripted({ links: { getLink }, identity: { refreshSession } }, { session });
    const call = hop.links.getLink({ code: 'a' });
    await asked.promise;
    session.write(undefined);
    answer.resolve(sessionOf('new'));
    await call;
    expect([calls(), session.read()]).toEqual([[null], undefined]);
  });

  it('somebody signs in elsewhere becomes theirs, also where the old one is void', async () => {
    const session = storeWith(1_000);
    const refreshSession = () => {
      session.write({ token: 'token other', refreshToken: 'refresh other', expiresAtMs: 2_000_000 });
      throw refusal(Code.Unauthenticated, 'REFRESH_TOKEN_INVALID');
    };
    const { hop } = scripted({ links: { getLink }, identity: { refreshSession } }, { session });
    await hop.links.getLink({ code: 'a' });
    expect([calls(), session.read()]).toEqual([
      ['Bearer token other'],
      expect.objectContaining({ token: 'token other' }),
    ]);
  });
});

describe('a token that is refused', () => {
  const refused = () => refusal(Code.Unauthenticated, 'CREDENTIALS_INVALID');

  it('is renewed, and the call made once more', async () => {
    const get = failing([refused()], {});
    const { hop } = scripted(
      { links: { getLink: get.handler }, identity: { refreshSession: () => sessionOf('new') } },
      { session: storeWith(600_000) },
    );
    await hop.links.getLink({ code: 'a' });
    expect(get.contexts.map(bearerOf)).toEqual(['Bearer token old', 'Bearer token new']);
  });

  it('is not tried for ever', async () => {
    const get = failing([refused(), refused(), refused()], {});
    const { hop } = scripted(
      { links: { getLink: get.handler }, identity: { refreshSession: () => sessionOf('new') } },
      { session: storeWith(600_000) },
    );
    await expect(hop.links.getLink({ code: 'a' })).rejects.toMatchObject({ reason: 'CREDENTIALS_INVALID' });
    expect(get.contexts).toHaveLength(2);
  });

  it('ends the session when the refresh token is void, too', async () => {
    const session = storeWith(1_000);
    const { hop } = scripted(
      {
        links: { getLink },
        identity: {
          refreshSession: () => {
            throw refusal(Code.Unauthenticated, 'REFRESH_TOKEN_REUSED');
          },
        },
      },
      { session },
    );
    await expect(hop.links.getLink({ code: 'a' })).rejects.toMatchObject({ reason: 'REFRESH_TOKEN_REUSED' });
    expect(await session.read()).toBeUndefined();
    expect(calls()).toEqual([]);
  });
});

it('a call waits for a new token no longer than its own deadline', async () => {
  const { hop } = scripted(
    { links: { getLink }, identity: { refreshSession: () => new Promise<never>(() => {}) } },
    { session: storeWith(0) },
  );
  await expect(hop.links.getLink({ code: 'a' }, { timeoutMs: 20 })).rejects.toMatchObject({
    reason: 'DEADLINE_EXCEEDED',
  });
});

describe('another workspace', () => {
  const moving = () => {
    const asked: { refreshToken: string; workspaceId: string }[] = [];
    const refreshSession = ({ refreshToken, workspaceId }: { refreshToken: string; workspaceId: string }) => {
      asked.push({ refreshToken, workspaceId });
      const workspace = create(WorkspaceSchema, { id: workspaceId, name: 'Team', role: 'viewer' });
      return { ...sessionOf('moved'), workspace };
    };
    return { asked, refreshSession };
  };

  it('is the one of all later calls, and of the store', async () => {
    const { asked, refreshSession } = moving();
    const session = storeWith(600_000);
    const { hop } = scripted({ links: { getLink }, identity: { refreshSession } }, { session });
    await hop.links.getLink({ code: 'a' });
    expect(await hop.useWorkspace('w2')).toMatchObject({ id: 'w2', name: 'Team', role: 'viewer' });
    await hop.links.getLink({ code: 'a' });
    expect(calls()).toEqual(['Bearer token old', 'Bearer token moved']);
    expect(asked).toEqual([{ refreshToken: 'refresh old', workspaceId: 'w2' }]);
    expect(await session.read()).toMatchObject({ token: 'token moved', refreshToken: 'refresh moved' });
  });

  it('is that of calls which are made while the session moves', async () => {
    const { refreshSession } = moving();
    const { hop } = scripted({ links: { getLink }, identity: { refreshSession } }, { session: storeWith(600_000) });
    await Promise.all([hop.useWorkspace('w2'), hop.links.getLink({ code: 'a' }), hop.links.getLink({ code: 'b' })]);
    expect(calls()).toEqual(['Bearer token moved', 'Bearer token moved']);
  });

  it('is entered with the successor of a token that is being renewed', async () => {
    const names = ['first', 'second'];
    const asked: string[] = [];
    const refreshSession = ({ refreshToken }: { refreshToken: string }) => {
      asked.push(refreshToken);
      return sessionOf(names.shift() ?? '');
    };
    const { hop } = scripted({ links: { getLink }, identity: { refreshSession } }, { session: storeWith(5_000) });
    await Promise.all([hop.links.getLink({ code: 'a' }), hop.useWorkspace('w2')]);
    await hop.links.getLink({ code: 'a' });
    expect(asked).toEqual(['refresh old', 'refresh first']);
    expect(calls().at(-1)).toBe('Bearer token second');
  });

  it('is kept although another process exchanged the same token meanwhile', async () => {
    const session = storeWith(600_000);
    const refreshSession = () => {
      session.write({ token: 'token before', refreshToken: 'refresh moved', expiresAtMs: 2_000_000 });
      return sessionOf('moved');
    };
    const { hop } = scripted({ links: { getLink }, identity: { refreshSession } }, { session });
    await hop.useWorkspace('w2');
    await hop.links.getLink({ code: 'a' });
    expect(calls()).toEqual(['Bearer token moved']);
  });

  it('that is refused leaves everything as it was', async () => {
    const refreshSession = () => {
      throw refusal(Code.NotFound, 'WORKSPACE_NOT_FOUND');
    };
    const { hop } = scripted({ links: { getLink }, identity: { refreshSession } }, { session: storeWith(600_000) });
    const [move] = await Promise.allSettled([hop.useWorkspace('w2'), hop.links.getLink({ code: 'a' })]);
    expect(move).toMatchObject({ status: 'rejected', reason: { reason: 'WORKSPACE_NOT_FOUND' } });
    expect(calls()).toEqual(['Bearer token old']);
  });

  it.each([
    ['with an API key', { apiKey: 'hop_secret' }],
    ['before somebody has signed in', {}],
  ])('is not chosen %s', async (_, options) => {
    const { hop } = scripted({}, options);
    await expect(hop.useWorkspace('w2')).rejects.toMatchObject({ name: 'HoplineError', code: Code.Unauthenticated });
  });
});

describe('a client that has begun to act as somebody', () => {
  const bob = { userId: 'bob', workspaceId: 'home' };
  const bobInTeam = { userId: 'bob', workspaceId: 'team' };
  const ada = { userId: 'ada', workspaceId: 'home' };
  const changed = { name: 'HoplineError', reason: 'SESSION_CHANGED', code: Code.Aborted };

  /** A call of the client that the test answers when it is time. */
  function held<Answer>() {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<Answer>();
    const handler = () => {
      asked.resolve();
      return answer.promise;
    };
    return { asked: asked.promise, answer, handler };
  }

  it.each([
    ['moved the session', bobInTeam],
    ['signed in as somebody else', ada],
  ])('does not go on where another process %s, until it moves itself', async (_, other) => {
    const session = storeWith(60_000, bob);
    const refreshSession = ({ workspaceId }: { workspaceId: string }) => sessionOf('moved', { ...bob, workspaceId });
    const { hop, world } = scripted({ links: { getLink }, identity: { refreshSession } }, { session });
    await hop.links.getLink({ code: 'a' });
    session.write(stored('other', 1_000_000, other));
    world.pass(50_000);
    for (let n = 0; n < 2; n++) await expect(hop.links.getLink({ code: 'a' })).rejects.toMatchObject(changed);
    expect(calls()).toEqual(['Bearer token old']);
    expect(session.read()).toMatchObject({ token: 'token other' });
    const move = hop.useWorkspace('club');
    if (other === ada) return await expect(move).rejects.toMatchObject(changed);
    await move;
    await hop.links.getLink({ code: 'a' });
    expect(calls()).toEqual(['Bearer token moved']);
  });

  it('ends a live stream where another process moved the session, instead of following the other workspace', async () => {
    const session = storeWith(60_000, bob);
    const opened: (string | null)[] = [];
    const watchWorkspace = async function* (_: unknown, context: Parameters<typeof bearerOf>[0]) {
      opened.push(bearerOf(context));
      yield { clicks: 1 };
      session.write(stored('other', 1_000_000, bobInTeam));
      world.pass(50_000);
    };
    const { hop, world } = scripted({ analytics: { watchWorkspace } }, { session });
    const told = async () => {
      for await (const _ of hop.liveCounts()) opened.push('told');
    };
    await expect(told()).rejects.toMatchObject(changed);
    expect([opened, world.slept.length]).toEqual([['Bearer token old', 'told'], 1]);
  });

  it('does not go on in a workspace into which the session moved, although the answer was lost', async () => {
    const session = storeWith(600_000, bob);
    const refresh = failing([refusal(Code.Internal)], sessionOf('moved', bobInTeam));
    const get = failing([refusal(Code.Unauthenticated, 'CREDENTIALS_INVALID')], {});
    const { hop } = scripted(
      { links: { getLink: get.handler }, identity: { refreshSession: refresh.handler } },
      { session },
    );
    await expect(hop.useWorkspace('team')).rejects.toMatchObject({ code: Code.Internal });
    for (let n = 0; n < 2; n++) await expect(hop.links.getLink({ code: 'a' })).rejects.toMatchObject(changed);
    expect(get.contexts.map(bearerOf)).toEqual(['Bearer token old']);
    await hop.useWorkspace('team');
    await hop.links.getLink({ code: 'a' });
    expect(get.contexts.map(bearerOf)).toEqual(['Bearer token old', 'Bearer token moved']);
  });

  it.each([
    ['was refused', Code.Unauthenticated, 'CREDENTIALS_INVALID'],
    ['found the service down', Code.Unavailable, 'DEPENDENCY_UNAVAILABLE'],
  ] as const)('does not repeat a call that %s in a workspace that it has moved to', async (_, code, reason) => {
    const get = held<never>();
    const moved: (string | null)[] = [];
    const { hop } = scripted(
      {
        links: {
          getLink: (__, context) => {
            const bearer = bearerOf(context);
            if (bearer === 'Bearer token old') return get.handler();
            moved.push(bearer);
            return {};
          },
        },
        identity: { refreshSession: () => sessionOf('moved', bobInTeam) },
      },
      { session: storeWith(600_000, bob) },
    );
    const call = hop.links.getLink({ code: 'a' });
    await get.asked;
    await hop.useWorkspace('team');
    get.answer.reject(refusal(code, reason));
    await expect(call).rejects.toMatchObject({ reason });
    expect(moved).toEqual([]);
    await hop.links.getLink({ code: 'b' });
    expect(moved).toEqual(['Bearer token moved']);
  });

  it('makes no call in the old workspace while it moves with a token that was just renewed', async () => {
    const move = held<ReturnType<typeof sessionOf>>();
    const { hop } = scripted(
      {
        links: { getLink },
        identity: {
          refreshSession: ({ workspaceId }) => (workspaceId === '' ? sessionOf('renewed', bob) : move.handler()),
        },
      },
      { session: storeWith(1_000, bob) },
    );
    const before = hop.links.getLink({ code: 'a' });
    const moving = hop.useWorkspace('team');
    await move.asked;
    const meanwhile = hop.links.getLink({ code: 'b' });
    await before;
    move.answer.resolve(sessionOf('moved', bobInTeam));
    await Promise.all([moving, meanwhile]);
    expect(calls()).toEqual(['Bearer token renewed', 'Bearer token moved']);
  });

  it('signs in although a renewal hangs, and whoever waits for that does not call as the new person', async () => {
    const renewal = held<ReturnType<typeof sessionOf>>();
    const session = storeWith(1_000, bob);
    const { hop } = scripted(
      { links: { getLink }, identity: { refreshSession: renewal.handler, logIn: () => sessionOf('ada', ada) } },
      { session },
    );
    const waiting = hop.links.getLink({ code: 'a' });
    await renewal.asked;
    await hop.identity.logIn({ email: 'ada@example.org', password: 'a long enough passphrase' });
    await hop.links.getLink({ code: 'b' });
    renewal.answer.resolve(sessionOf('renewed', bob));
    await expect(waiting).rejects.toMatchObject(changed);
    await hop.links.getLink({ code: 'c' });
    expect(calls()).toEqual(['Bearer token ada', 'Bearer token ada']);
    expect(session.read()).toMatchObject({ token: 'token ada' });
  });

  it('goes on with a session that a client of an earlier version renewed, which does not say whose it is', async () => {
    const session = storeWith(60_000, bob);
    const { hop, world } = scripted({ links: { getLink } }, { session });
    await hop.links.getLink({ code: 'a' });
    session.write(stored('renewed', 1_000_000));
    world.pass(50_000);
    await hop.links.getLink({ code: 'a' });
    expect(calls()).toEqual(['Bearer token old', 'Bearer token renewed']);
  });

  it('does not move somebody who signs in while the move waits for a renewal', async () => {
    const renewal = held<ReturnType<typeof sessionOf>>();
    const asked: string[] = [];
    const session = storeWith(1_000, bob);
    const refreshSession = ({ workspaceId }: { workspaceId: string }) => {
      asked.push(workspaceId);
      return renewal.handler();
    };
    const { hop } = scripted(
      { links: { getLink }, identity: { refreshSession, logIn: () => sessionOf('ada', ada) } },
      { session },
    );
    const waiting = hop.links.getLink({ code: 'a' });
    await renewal.asked;
    const moving = hop.useWorkspace('team');
    await hop.identity.logIn({ email: 'ada@example.org' });
    renewal.answer.resolve(sessionOf('renewed', bob));
    await expect(moving).rejects.toMatchObject(changed);
    await expect(waiting).rejects.toMatchObject(changed);
    expect([asked, (await session.read())?.token]).toEqual([[''], 'token ada']);
  });

  it.each([
    ['signs in as somebody else', (hop: Hopline) => hop.identity.logIn({ email: 'a@example.org' }), 'token ada'],
    ['signs out', (hop: Hopline) => hop.identity.logOut({}, { headers: { authorization: 'Bearer token old' } })],
  ])('does not say that it moved when it %s meanwhile', async (_, act, token?: string) => {
    const move = held<ReturnType<typeof sessionOf>>();
    const session = storeWith(600_000, bob);
    const identity = { refreshSession: move.handler, logIn: () => sessionOf('ada', ada), logOut: () => ({}) };
    const { hop } = scripted({ links: { getLink }, identity }, { session });
    const moving = hop.useWorkspace('team');
    await move.asked;
    await act(hop);
    move.answer.resolve(sessionOf('moved', bobInTeam));
    await expect(moving).rejects.toMatchObject(changed);
    await hop.links.getLink({ code: 'a' });
    expect(calls()).toEqual([token ? `Bearer ${token}` : null]);
    expect((await session.read())?.token).toBe(token);
  });

  it('stays signed out when a renewal writes as it signs out', async () => {
    const inner = storeWith(1_000, bob);
    const writing = held<void>();
    // A slow store: what is written is there only after a while.
    const session = {
      read: async () => inner.read(),
      write: async (next: Session | undefined) => {
        if (next) await writing.handler();
        inner.write(next);
      },
    };
    const { hop } = scripted(
      { links: { getLink }, identity: { refreshSession: () => sessionOf('renewed', bob), logOut: () => ({}) } },
      { session },
    );
    const waiting = hop.links.getLink({ code: 'a' });
    await writing.asked;
    const out = hop.identity.logOut({}, { headers: { authorization: 'Bearer token old' } });
    await Promise.race([out, new Promise(setImmediate)]);
    writing.answer.resolve();
    await Promise.all([out, expect(waiting).rejects.toMatchObject(changed)]);
    await hop.links.getLink({ code: 'b' });
    expect([calls(), inner.read()]).toEqual([[null], undefined]);
  });
});

it.each([{}, { token: 'token' }, { refreshToken: 'refresh' }])(
  'a sign-in that answers %j is an error',
  async (answer) => {
    const session = memoryStore();
    const { hop } = scripted({ links: { getLink }, identity: { logIn: () => answer } }, { session });
    await expect(hop.identity.logIn({ email: 'a@example.org' })).rejects.toMatchObject({ reason: 'INTERNAL' });
    expect(session.read()).toBeUndefined();
  },
);
