import { Code, ConnectError } from '@connectrpc/connect';
import { hash, verify } from '@node-rs/argon2';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { RetryInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { password, startTestIdentity, type TestIdentity } from '../testing/test-identity.ts';
import type { Argon2 } from './passwords.ts';

const work = { hashes: 0, verifications: 0, statements: [] as string[] };
let hashesFail = false;
const counting: Argon2 = {
  hash: (text, options) => {
    work.hashes += 1;
    if (hashesFail) return Promise.reject(new Error('no memory'));
    return hash(text, options);
  },
  verify: (hashed, text) => {
    work.verifications += 1;
    return verify(hashed, text);
  },
};
let identity: TestIdentity;

beforeAll(async () => {
  identity = await startTestIdentity({ argon2: counting, loginFreeFailures: 3 });
  const query = identity.pool.query.bind(identity.pool) as (...args: unknown[]) => unknown;
  identity.pool.query = ((...args: unknown[]) => {
    work.statements.push(String(args[0]));
    return query(...args);
  }) as typeof identity.pool.query;
  await identity.client().signUp({ email: 'known@example.com', password });
});
afterAll(() => identity.stop());
beforeEach(() => Object.assign(work, { hashes: 0, verifications: 0, statements: [] }));

const logIn = (email: string, tried: string): Promise<unknown> => identity.client().logIn({ email, password: tried });

it('does the same work for an unknown email as for a wrong password', async () => {
  await expect(logIn('known@example.com', 'wrong')).rejects.toThrow('wrong');
  const known = structuredClone(work);
  Object.assign(work, { hashes: 0, verifications: 0, statements: [] });
  await expect(logIn('unknown@example.com', 'wrong')).rejects.toThrow('wrong');
  expect(work).toEqual(known);
  expect(work).toMatchObject({ hashes: 0, verifications: 1 });
});

it('hashes nothing for a sign-up that cannot be', async () => {
  await expect(identity.client().signUp({ email: 'known@example.com', password })).rejects.toThrow();
  await expect(identity.client().signUp({ email: 'new@example.com', password: 'short' })).rejects.toThrow();
  expect(work).toMatchObject({ hashes: 0, verifications: 0 });
});

it('refuses what the database would not take as text, in the words of the contract', async () => {
  const name = 'Ada\u0000';
  const refused = { code: Code.InvalidArgument, rawMessage: expect.stringContaining('name') };
  await expect(identity.client().signUp({ email: 'nul@example.com', password, name })).rejects.toMatchObject(refused);
  await expect(logIn('ada\u0000@example.com', password)).rejects.toMatchObject({ code: Code.Unauthenticated });
});

it('slows log-ins after failures, and lets the right password through all the same', async () => {
  for (let failure = 0; failure < 3; failure++) await expect(logIn('known@example.com', 'wrong')).rejects.toThrow();
  const before = performance.now();
  await logIn('known@example.com', password);
  expect(performance.now() - before).toBeGreaterThan(95);
  const { rows } = await identity.pool.query('select from identity.login_failures where failures >= 3');
  expect(rows).toEqual([]);
});

it('lets many log-ins of one owner through that come at once: they are not failures', async () => {
  const usual = await startTestIdentity({ loginFreeFailures: 20 });
  try {
    await usual.client().signUp({ email: 'known@example.com', password });
    const logIns = Array.from({ length: 40 }, () => usual.client().logIn({ email: 'known@example.com', password }));
    await Promise.all(logIns);
  } finally {
    await usual.stop();
  }
});

it('forgets failures after an hour', async () => {
  for (let failure = 0; failure < 4; failure++) await expect(logIn('slow@example.com', 'wrong')).rejects.toThrow();
  identity.clock.now += 3_600_001;
  await expect(logIn('slow@example.com', 'wrong')).rejects.toThrow();
  const { rows } = await identity.pool.query(
    'select failures from identity.login_failures where window_started_at = $1',
    [new Date(identity.clock.now)],
  );
  expect(rows).toEqual([{ failures: 1 }]);
});

it('makes a hash of other parameters anew at the next log-in', async () => {
  const weak = await hash(password, { memoryCost: 8_192, timeCost: 1 });
  await identity.pool.query("update identity.users set password_hash = $1 where email_key = 'known@example.com'", [
    weak,
  ]);
  // A right log-in is right although the new hash cannot be made; the next one tries again.
  hashesFail = true;
  await logIn('known@example.com', password);
  await waitFor(() => work.hashes === 1);
  hashesFail = false;
  await logIn('known@example.com', password);
  await waitFor(async () => {
    const { rows } = await identity.pool.query('select password_hash from identity.users');
    return /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/.test(rows[0]?.password_hash);
  });
  expect(work).toMatchObject({ hashes: 2, verifications: 2 });
  await logIn('known@example.com', password);
});

it('refuses a flood of log-ins with a time to come back, and hashes no more than wait', async () => {
  const flooded = await startTestIdentity({ argon2: counting, hashQueue: 3 });
  try {
    Object.assign(work, { verifications: 0 });
    const calls = Array.from({ length: 40 }, (_, index) =>
      flooded.client().logIn({ email: `${index}@example.com`, password }),
    );
    const errors = (await Promise.allSettled(calls)).flatMap((outcome) =>
      outcome.status === 'rejected' ? [ConnectError.from(outcome.reason)] : [],
    );
    const shed = errors.filter(({ code }) => code === Code.Unavailable);
    expect(shed.length + work.verifications).toBe(40);
    // On a busy machine the database's own bound may refuse some before they reach the hashing.
    const refused = shed.filter(({ rawMessage }) => rawMessage.startsWith('Too many passwords'));
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds).toBeGreaterThanOrEqual(1n);
    expect(refused[0]?.metadata.get('retry-after')).toBe('1');
  } finally {
    await flooded.stop();
  }
});
