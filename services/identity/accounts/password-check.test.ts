import { randomUUID } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { useTestIdentity } from '../testing/test-identity.ts';
import { createAccountQueues } from './account-queues.ts';
import { createHashingQueue, type HashingQueueOptions } from './hashing-queue.ts';
import { createLoginThrottle } from './login-throttle.ts';
import { createPasswordCheck, type PasswordCheck } from './password-check.ts';
import type { Passwords } from './passwords.ts';

const free = 3;
const waitingAtMost = 4;
const identity = useTestIdentity();

/** A process of its own on the common store; its pauses and its hashes last until they are let go. */
function startProcess(
  hashing: HashingQueueOptions = { concurrency: 100, limit: 0 },
  freeFailures = free,
  accountLimit = 100,
) {
  let paused = 0;
  const hashes: (() => void)[] = [];
  const pauses: (() => void)[] = [];
  const holdIn = (held: (() => void)[], signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      held.push(resolve);
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
  const looked: string[] = [];
  const queue = createHashingQueue(hashing);
  const matches: Passwords['matches'] = (password, hashed, signal) =>
    queue.run(async () => {
      looked.push(password);
      await holdIn(hashes);
      return password === hashed;
    }, signal);
  const queues = createAccountQueues(accountLimit);
  const throttle = createLoginThrottle({
    freeFailures,
    queues,
    pause(_, signal) {
      paused += 1;
      return holdIn(pauses, signal);
    },
  });
  const check = createPasswordCheck({
    store: identity.store,
    passwords: { matches },
    throttle,
    queues,
    now: Date.now,
  });
  const letHashesGo = (): void => hashes.splice(0).forEach((go) => void go());
  const letGo = (): void => [...hashes.splice(0), ...pauses.splice(0)].forEach((go) => void go());
  const waiting = (email: string): number => queues.waiting(email);
  return {
    check,
    looked,
    waiting,
    held: () => hashes.length + pauses.length,
    paused: () => paused,
    letHashesGo,
    letGo,
  };
}

const newEmail = (): string => `${randomUUID()}@example.com`;

async function guess(
  { failuresSince, passes }: PasswordCheck,
  email: string,
  password = 'wrong',
  signal?: AbortSignal,
) {
  const { failures } = await identity.store.findLogin(email, failuresSince());
  return passes(email, { failures, passwordHash: 'right' }, password, signal);
}

const failuresOf = async (email: string): Promise<number> =>
  (await identity.store.findLogin(email, new Date(0))).failures;

it('lets no more guesses go free that are sent at once, to several processes, than one after the other', async () => {
  const email = newEmail();
  const processes = [startProcess(), startProcess()];
  let refused = 0;
  const guesses = processes.flatMap(({ check }) =>
    Array.from({ length: 15 }, () =>
      guess(check, email).catch((error: unknown) => {
        expect(error).toMatchObject({ kind: 'limited', reason: 'RATE_LIMITED' });
        refused += 1;
      }),
    ),
  );
  const kept = free + processes.length * waitingAtMost;
  const letHashesGo = setInterval(() => processes.forEach((one) => void one.letHashesGo()), 5);
  await waitFor(() => refused === guesses.length - kept);
  clearInterval(letHashesGo);
  expect(processes.flatMap(({ looked }) => looked)).toHaveLength(free);
  const letGo = setInterval(() => processes.forEach((one) => void one.letGo()), 5);
  expect((await Promise.all(guesses)).filter((isRight) => isRight === false)).toHaveLength(kept);
  clearInterval(letGo);
  expect(processes.reduce((sum, { paused }) => sum + paused(), 0)).toBe(kept - free);
  expect(await failuresOf(email)).toBe(kept);
});

it('refuses and slows none of an owner that come at once, to six processes', async () => {
  const email = newEmail();
  const processes = Array.from({ length: 6 }, () => startProcess({ concurrency: 2, limit: 128 }, 20));
  const logIns = processes.flatMap(({ check }) => Array.from({ length: 8 }, () => guess(check, email, 'right')));
  const letGo = setInterval(() => processes.forEach((one) => void one.letGo()), 50);
  const outcomes = await Promise.allSettled(logIns);
  clearInterval(letGo);
  expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
  expect(processes.map(({ paused }) => paused())).toEqual([0, 0, 0, 0, 0, 0]);
});

it('refuses none that it has let in for those who come after it: of a flood, those who are refused write nothing', async () => {
  const email = newEmail();
  for (let failures = 0; failures < free; failures++)
    await identity.store.countLoginAttempt(email, new Date(), new Date(0));
  const { check, looked, letGo } = startProcess();
  const count = vi.spyOn(identity.store, 'countLoginAttempt');
  let refused = 0;
  const guesses = Array.from({ length: 12 }, () => guess(check, email).catch(() => void refused++));
  await waitFor(() => refused === guesses.length - waitingAtMost);
  const going = setInterval(letGo, 5);
  expect((await Promise.all(guesses)).filter((isRight) => isRight === false)).toHaveLength(waitingAtMost);
  clearInterval(going);
  expect(looked).toHaveLength(waitingAtMost);
  expect(count).toHaveBeenCalledTimes(waitingAtMost);
  count.mockRestore();
});

it('gives the attempt back with all failures when the password is right', async () => {
  const email = newEmail();
  const { check, letGo, held } = startProcess();
  const wrong = guess(check, email);
  await waitFor(() => held() === 1);
  expect(await failuresOf(email)).toBe(1);
  letGo();
  expect(await wrong).toBe(false);
  const right = guess(check, email, 'right');
  await waitFor(() => held() === 1);
  expect(await failuresOf(email)).toBe(2);
  letGo();
  expect(await right).toBe(true);
  expect(await failuresOf(email)).toBe(0);
});

it('does not count a caller who left before the password was looked at', async () => {
  const email = newEmail();
  const { check, held, looked } = startProcess();
  for (let failure = 0; failure < free; failure++)
    await identity.store.countLoginAttempt(email, new Date(), new Date(0));
  const leaving = new AbortController();
  const waiting = guess(check, email, 'wrong', leaving.signal);
  await waitFor(() => held() === 1);
  leaving.abort();
  await expect(waiting).rejects.toThrow();
  expect(looked).toEqual([]);
  expect(await failuresOf(email)).toBe(free);
});

it('refuses those of an account of which too many wait as too many of that account, and no other', async () => {
  const email = newEmail();
  const { check, waiting, held, letHashesGo } = startProcess({ concurrency: 100, limit: 0 }, 100, 1);
  const accepted = Array.from({ length: 4 }, () => guess(check, email));
  await waitFor(() => held() === 3 && waiting(email) === 1);
  await expect(guess(check, email)).rejects.toMatchObject({ kind: 'limited', reason: 'RATE_LIMITED' });
  const other = guess(check, newEmail());
  await waitFor(() => held() === 4);
  letHashesGo();
  await waitFor(() => held() === 1);
  letHashesGo();
  expect(await Promise.all([...accepted, other])).toEqual(Array(5).fill(false));
});

it('does not count one that was refused because too many passwords wait', async () => {
  const email = newEmail();
  const { check, held, letGo } = startProcess({ concurrency: 1, limit: 0 });
  const first = guess(check, email);
  await waitFor(() => held() === 1);
  await expect(guess(check, email)).rejects.toMatchObject({ kind: 'unavailable', reason: 'OVERLOADED' });
  expect(await failuresOf(email)).toBe(1);
  letGo();
  expect(await first).toBe(false);
  expect(await failuresOf(email)).toBe(1);
});

it('takes an attempt off no other window than its own', async () => {
  const email = newEmail();
  const attempt = await identity.store.countLoginAttempt(email, new Date(Date.now() - 1_000), new Date(0));
  await identity.store.clearLoginFailures(email);
  await identity.store.countLoginAttempt(email, new Date(), new Date(0));
  await identity.store.uncountLoginAttempt(email, attempt);
  expect(await failuresOf(email)).toBe(1);
});
