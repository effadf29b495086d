import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { type Session as Message, SessionSchema } from '#gen/identity/v1/user_pb.ts';
import { createSession, type SessionCalls, type TabMessage, type Tabs } from './session.ts';

const answered = (token: string, userId = 'ada', workspaceId = 'w'): Message =>
  create(SessionSchema, { token, expiresIn: 900, user: { id: userId }, workspace: { id: workspaceId } });
const unauthenticated = () => new ConnectError('no session', Code.Unauthenticated);

/** Two or more tabs of one browser: one lock, one channel. */
function browser() {
  const listeners: ((message: TabMessage) => void)[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  return (): Tabs => {
    let own: ((message: TabMessage) => void) | undefined;
    return {
      tell: (message) => {
        for (const listener of listeners) if (listener !== own) listener(message);
      },
      hear(listener) {
        own = listener;
        listeners.push(listener);
      },
      exclusively(work) {
        const mine = turn.then(work, work);
        turn = mine.catch(() => {});
        return mine;
      },
    };
  };
}

function identity(refresh: () => Message | Error) {
  const seen = { refreshes: 0, loggedOut: [] as string[] };
  const calls: SessionCalls = {
    async refresh() {
      seen.refreshes++;
      const answer = refresh();
      if (answer instanceof Error) throw answer;
      return answer;
    },
    async logOut(token) {
      seen.loggedOut.push(token);
    },
  };
  return { calls, seen };
}

describe('a session', () => {
  it('is renewed before its time where it has to tell who is signed in anew, in all tabs', async () => {
    let name = 'Ada';
    const { calls } = identity(() =>
      create(SessionSchema, { token: 't', expiresIn: 900, user: { id: 'ada', name }, workspace: { id: 'w' } }),
    );
    const tab = browser();
    const [session, other] = [createSession(calls, tab()), createSession(calls, tab())];
    await session.restore();
    name = 'Ada Lovelace';
    await session.renew();
    for (const each of [session, other])
      expect(each.state()).toMatchObject({ status: 'signed-in', user: { name: 'Ada Lovelace' } });
  });

  it('is restored from the cookie, by one refresh however many ask', async () => {
    const { calls, seen } = identity(() => answered('t1'));
    const session = createSession(calls, browser()());
    expect(session.state().status).toBe('restoring');
    await session.restore();
    expect(session.state()).toMatchObject({ status: 'signed-in', user: { id: 'ada' } });
    session.refused('t1');
    expect(await Promise.all([session.token(), session.token(), session.token()])).toEqual(['t1', 't1', 't1']);
    expect(seen.refreshes).toBe(2);
  });

  it('is nobody where there is no cookie, and unknown where nobody can say', async () => {
    const none = createSession(identity(unauthenticated).calls, browser()());
    await none.restore();
    expect(none.state()).toEqual({ status: 'signed-out' });
    const down = createSession(identity(() => new ConnectError('down', Code.Unavailable)).calls, browser()());
    await expect(down.restore()).rejects.toThrow('down');
    expect(down.state().status).toBe('restoring');
  });

  it('trades its token before that ends, and not earlier', async () => {
    let now = 0;
    let count = 0;
    const { calls } = identity(() => answered(`t${++count}`));
    const session = createSession(calls, browser()(), () => now);
    expect(await session.token()).toBe('t1');
    now = 869_000;
    expect(await session.token()).toBe('t1');
    now = 870_000;
    expect(await session.token()).toBe('t2');
  });

  it('does not ask again for a token that was refused when a newer one is there', async () => {
    const { calls, seen } = identity(() => answered('t2'));
    const session = createSession(calls, browser()());
    session.open(answered('t1'));
    session.refused('t0');
    expect(await session.token()).toBe('t1');
    expect(seen.refreshes).toBe(0);
  });

  it('that ended leaves the person on the screen, until they sign in again', async () => {
    const session = createSession(identity(unauthenticated).calls, browser()());
    session.open(answered('t1'));
    session.refused('t1');
    await expect(session.token()).rejects.toThrow('no session');
    expect(session.state()).toMatchObject({ status: 'expired', user: { id: 'ada' } });
    session.open(answered('t2'));
    expect(session.state().status).toBe('signed-in');
    expect(await session.token()).toBe('t2');
  });

  it('is not lost to a refresh of the one before, refused after somebody signed in again', async () => {
    const refusal = Promise.withResolvers<Message>();
    const begun = Promise.withResolvers<void>();
    const refresh = () => {
      begun.resolve();
      return refusal.promise;
    };
    const calls = { ...identity(unauthenticated).calls, refresh };
    const session = createSession(calls, browser()());
    session.open(answered('t1'));
    session.refused('t1');
    const asked = session.token();
    await begun.promise;
    session.open(answered('t2'));
    refusal.reject(unauthenticated());
    expect(await asked).toBe('t2');
    expect(session.state().status).toBe('signed-in');
  });

  it('is not traded for that of somebody else, whose cookie came into the browser meanwhile', async () => {
    const answers = [answered('t1'), answered('b1', 'brian')];
    const tab = browser();
    const { calls } = identity(() => answers.shift() ?? unauthenticated());
    const [session, other] = [createSession(calls, tab()), createSession(calls, tab())];
    await session.restore();
    session.refused('t1');
    await expect(session.token()).rejects.toMatchObject({ code: Code.Unauthenticated });
    for (const each of [session, other]) expect(each.state()).toMatchObject({ user: { id: 'ada' } });
    expect(session.state().status).toBe('expired');
  });

  it('stays that of its person where a new page begins with the cookie of somebody else', async () => {
    const answers = [answered('t1'), answered('b1', 'brian')];
    const tab = browser();
    const { calls } = identity(() => answers.shift() ?? unauthenticated());
    const session = createSession(calls, tab());
    await session.restore();
    const later = createSession(calls, tab());
    await later.restore();
    expect(later.state()).toMatchObject({ user: { id: 'brian' } });
    expect(session.state()).toMatchObject({ status: 'signed-in', user: { id: 'ada' } });
    expect(await session.token()).toBe('t1');
  });

  it('is shared by all tabs: one refresh, one sign-in, one log-out', async () => {
    const tab = browser();
    let count = 0;
    const { calls, seen } = identity(() => answered(`t${++count}`));
    const [one, two] = [createSession(calls, tab()), createSession(calls, tab())];
    expect(await Promise.all([one.token(), two.token()])).toEqual(['t1', 't1']);
    expect(seen.refreshes).toBe(1);
    two.open(answered('b1', 'brian'));
    expect(one.state()).toMatchObject({ user: { id: 'brian' } });
    await one.close();
    expect([seen.loggedOut, two.state().status]).toEqual([['b1'], 'signed-out']);
  });

  it('moves to another workspace in all tabs, and what they ask for next is of that one', async () => {
    const tab = browser();
    const asked: (string | undefined)[] = [];
    const calls: SessionCalls = {
      refresh: async (workspaceId) => {
        asked.push(workspaceId);
        return answered(`t${asked.length}`, 'ada', workspaceId ?? 'w');
      },
      logOut: async () => {},
    };
    const [one, two] = [createSession(calls, tab()), createSession(calls, tab())];
    await one.restore();
    await two.move('w2');
    expect(asked).toEqual([undefined, 'w2']);
    for (const each of [one, two]) {
      expect(each.state()).toMatchObject({ status: 'signed-in', workspace: { id: 'w2' } });
      expect(await each.token()).toBe('t2');
    }
  });

  it('that was moved elsewhere goes on there, also in the tab that only learns of it by a renewal', async () => {
    const answers = [answered('t1'), answered('t2', 'ada', 'w2')];
    const { calls } = identity(() => answers.shift() ?? unauthenticated());
    const session = createSession(calls, browser()());
    await session.restore();
    session.refused('t1');
    expect(await session.token()).toBe('t2');
    expect(session.state()).toMatchObject({ status: 'signed-in', workspace: { id: 'w2' } });
  });

  it('stays where it is when it may not move, or the cookie is that of somebody else', async () => {
    const answers = [answered('t1'), new ConnectError('none', Code.NotFound), answered('b1', 'brian', 'w2')];
    const { calls } = identity(() => answers.shift() ?? unauthenticated());
    const session = createSession(calls, browser()());
    await session.restore();
    await expect(session.move('w2')).rejects.toMatchObject({ code: Code.NotFound });
    await expect(session.move('w2')).rejects.toMatchObject({ code: Code.Unauthenticated });
    expect(session.state()).toMatchObject({ status: 'signed-in', user: { id: 'ada' }, workspace: { id: 'w' } });
    expect(await session.token()).toBe('t1');
  });

  it('is forgotten in all tabs where it was ended by something else, and nobody is asked', async () => {
    const tab = browser();
    const { calls, seen } = identity(() => answered('t1'));
    const [one, two] = [createSession(calls, tab()), createSession(calls, tab())];
    one.open(answered('t1'));
    one.forget();
    expect([one.state().status, two.state().status, seen.loggedOut]).toEqual(['signed-out', 'signed-out', []]);
  });

  it('is closed where it was over already, and stays open where nobody answered', async () => {
    const over = createSession(identity(unauthenticated).calls, browser()());
    over.open(answered('t1'));
    over.refused('t1');
    await over.close();
    expect(over.state()).toEqual({ status: 'signed-out' });
    const { calls } = identity(() => answered('t1'));
    const down = { ...calls, logOut: () => Promise.reject(new ConnectError('down', Code.Unavailable)) };
    const session = createSession(down, browser()());
    session.open(answered('t1'));
    await expect(session.close()).rejects.toThrow('down');
    expect(session.state().status).toBe('signed-in');
  });
});
