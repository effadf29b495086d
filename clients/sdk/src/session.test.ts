import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { WorkspaceSchema } from '../gen/hop/identity/v1/user_pb.ts';
import { bearerOf, failing, refusal, scripted, sessionOf } from '../testing/scripted.ts';
import type { Hopline } from './hopline.ts';
import { memoryStore, type Session } from './session.ts';

const seen: (string | null)[] = [];
const getLink = (_: unknown, context: Parameters<typeof bearerOf>[0]) => {
  seen.push(bearerOf(context));
  return {};
};
const calls = () => seen.splice(0);

/** A store that holds a session of `leftMs` more. */
function storeWith(leftMs: number, name = 'old') {
  const store = memoryStore();
  const session: Session = { token: `token ${name}`, refreshToken: `refresh ${name}`, expiresAtMs: 1_000_000 + leftMs };
  store.write(session);
  return store;
}

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
