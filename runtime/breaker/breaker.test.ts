import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { canceled, notFound, toConnectError, unavailable } from '../errors/errors.ts';
import { breaker } from './breaker.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function fickle() {
  const store = { works: true, calls: 0, error: new Error('down') as Error };
  const fire = async (value: number): Promise<number> => {
    store.calls++;
    if (!store.works) throw store.error;
    return value;
  };
  return { store, guarded: breaker('test', fire, { timeoutMs: 100, resetMs: 1_000, rollingWindowMs: 10_000 }) };
}

async function failTimes(times: number, guarded: { fire(value: number): Promise<number> }): Promise<void> {
  for (let n = 0; n < times; n++) await guarded.fire(n).catch(() => {});
}

describe('breaker', () => {
  it('opens at the fifth failure in a row, however many calls went well before', async () => {
    const { store, guarded } = fickle();
    for (let n = 0; n < 1_000; n++) await guarded.fire(n);
    store.works = false;
    await failTimes(4, guarded);
    expect(guarded.state).toBe('closed');
    await expect(guarded.fire(0)).rejects.toThrow('down');
    expect(guarded.state).toBe('open');
    const calls = store.calls;
    await expect(guarded.fire(0)).rejects.toMatchObject({
      kind: 'unavailable',
      reason: 'DEPENDENCY_UNAVAILABLE',
      retryAfterMs: 1_000,
    });
    expect(store.calls).toBe(calls);
  });

  it('lets calls through before its time once the store was seen to answer, and opens again if that was wrong', async () => {
    const { store, guarded } = fickle();
    store.works = false;
    await failTimes(5, guarded);
    guarded.answersAgain();
    expect(guarded.state).toBe('closed');
    await failTimes(4, guarded);
    expect(guarded.state).toBe('closed');
    await failTimes(1, guarded);
    expect(guarded.state).toBe('open');
    store.works = true;
    guarded.answersAgain();
    expect(await guarded.fire(7)).toBe(7);
  });

  it('stays closed while the store answers some calls, however many it loses', async () => {
    const { store, guarded } = fickle();
    for (let round = 0; round < 50; round++) {
      store.works = false;
      await failTimes(4, guarded);
      store.works = true;
      await guarded.fire(0);
    }
    expect(guarded.state).toBe('closed');
  });

  it('takes what says nothing of a store for no sign of health', async () => {
    const store = { error: new Error('down') };
    const isFailure = (error: unknown): boolean => (error as Error).message !== 'full';
    const guarded = breaker('full', () => Promise.reject(store.error), { timeoutMs: 100, isFailure });
    for (const message of ['down', 'full', 'down', 'down', 'full', 'down', 'full', 'down']) {
      store.error = new Error(message);
      await guarded.fire().catch(() => {});
    }
    expect(guarded.state).toBe('open');
    guarded.shutdown();
  });

  it('forgets failures that are older than the window', async () => {
    const { store, guarded } = fickle();
    store.works = false;
    await failTimes(4, guarded);
    vi.advanceTimersByTime(10_001);
    await failTimes(4, guarded);
    expect(guarded.state).toBe('closed');
    await failTimes(1, guarded);
    expect(guarded.state).toBe('open');
  });

  it('lets one call try after the reset time, and closes when it works', async () => {
    const { store, guarded } = fickle();
    store.works = false;
    await failTimes(5, guarded);
    await vi.advanceTimersByTimeAsync(1_001);
    expect(guarded.state).toBe('half_open');
    await failTimes(1, guarded);
    expect(guarded.state).toBe('open');
    await vi.advanceTimersByTimeAsync(1_001);
    store.works = true;
    const calls = store.calls;
    const [first, second] = await Promise.allSettled([guarded.fire(1), guarded.fire(2)]);
    expect([first.status, second.status, store.calls - calls]).toEqual(['fulfilled', 'rejected', 1]);
    expect(guarded.state).toBe('closed');
    store.works = false;
    await failTimes(4, guarded);
    expect(guarded.state).toBe('closed');
  });

  it('counts a call that takes too long, and answers without it', async () => {
    const slow = breaker('slow', () => sleep(60_000), { timeoutMs: 100, resetMs: 1_000 });
    const calls = Promise.allSettled(Array.from({ length: 5 }, () => slow.fire()));
    await vi.advanceTimersByTimeAsync(101);
    for (const result of await calls)
      expect(result).toMatchObject({ status: 'rejected', reason: { kind: 'unavailable' } });
    expect(slow.state).toBe('open');
    slow.shutdown();
  });

  it('refuses a call while a thousand others wait for an answer', async () => {
    const slow = breaker('full', () => sleep(60_000), { timeoutMs: 100, resetMs: 1_000 });
    const calls = Promise.allSettled(Array.from({ length: 1_000 }, () => slow.fire()));
    await expect(slow.fire()).rejects.toMatchObject({ kind: 'unavailable' });
    await vi.advanceTimersByTimeAsync(101);
    await calls;
    slow.shutdown();
  });

  it('opens when a store has been late for half a second, not when all its answers are late at once', async () => {
    const store = { ms: 200 };
    const guarded = breaker('late', () => new Promise((done) => setTimeout(done, store.ms)), {
      timeoutMs: 1_000,
      resetMs: 1_000,
      lateMs: 100,
    });
    const ask = async (ms: number, times = 1): Promise<void> => {
      store.ms = ms;
      const calls = Promise.all(Array.from({ length: times }, () => guarded.fire()));
      await vi.advanceTimersByTimeAsync(ms + 1);
      await calls;
    };
    await ask(400, 20);
    expect(guarded.state).toBe('closed');
    await ask(5);
    for (let turn = 0; turn < 2; turn++) await ask(200, 5);
    expect(guarded.state).toBe('closed');
    await ask(5);
    for (let turn = 0; turn < 4; turn++) await ask(200, 2);
    expect(guarded.state).toBe('open');
    guarded.shutdown();
  });

  it('counts no failure for longer, and asks nobody to wait for longer, because the clock was set back', async () => {
    const { store, guarded } = fickle();
    store.works = false;
    await failTimes(4, guarded);
    vi.setSystemTime(Date.now() - 3_600_000);
    vi.advanceTimersByTime(10_001);
    await failTimes(4, guarded);
    expect(guarded.state).toBe('closed');
    await failTimes(1, guarded);
    vi.setSystemTime(Date.now() - 3_600_000);
    await expect(guarded.fire(0)).rejects.toMatchObject({ retryAfterMs: 1_000 });
  });

  it('holds against a service neither what it refuses nor that a caller left, who says nothing of it', async () => {
    const { store, guarded } = fickle();
    store.works = false;
    for (const error of [notFound('LINK_NOT_FOUND', 'none'), canceled()]) {
      store.error = toConnectError(error);
      await failTimes(20, guarded);
      expect(guarded.state).toBe('closed');
    }
    for (const error of [unavailable('OVERLOADED', 'full', 1_000), canceled()]) {
      store.error = toConnectError(error);
      await failTimes(4, guarded);
    }
    store.error = toConnectError(unavailable('OVERLOADED', 'full', 1_000));
    await failTimes(1, guarded);
    expect(guarded.state).toBe('open');
  });

  it('is not closed by a trial whose caller left', async () => {
    const { store, guarded } = fickle();
    store.works = false;
    await failTimes(5, guarded);
    store.error = toConnectError(canceled());
    await vi.advanceTimersByTimeAsync(1_001);
    expect(guarded.state).toBe('half_open');
    await failTimes(1, guarded);
    expect(guarded.state).toBe('open');
  });

  it('does not hold the answer "there is none" against a store', async () => {
    const { store, guarded } = fickle();
    store.works = false;
    store.error = notFound('LINK_NOT_FOUND', 'none');
    await failTimes(20, guarded);
    expect(guarded.state).toBe('closed');
    await expect(guarded.fire(0)).rejects.toThrow('none');
  });
});
