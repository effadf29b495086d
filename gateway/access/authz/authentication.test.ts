import { createHmac, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeApiKeySecret } from '#runtime/caller/api-key-secret.ts';
import { HopError } from '#runtime/errors/errors.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { encoded, identityInMemory, person, signToken, testIssuer, tokenKey } from '../testing/identity-in-memory.ts';
import { readCredential } from './credentials.ts';
import { authenticateByIdentity } from './identity.ts';

const config = {
  publicUrl: testIssuer,
  identityTimeoutMs: 500,
  identityBreakerResetMs: 100,
  revocationPollMs: 20,
  apiKeyFreshMs: 40,
  apiKeyStaleMs: 60_000,
};
const key = tokenKey('first');
/** What the clock says, and one that only runs forward; they go on only where a test says so. */
let clockMs = 0;
let elapsedMs = 0;
let identity: ReturnType<typeof identityInMemory>;
let authentication: ReturnType<typeof authenticateByIdentity>;

function start(overrides: Partial<typeof config> = {}): void {
  authentication?.stop();
  authentication = authenticateByIdentity({
    identity: identity.client,
    config: { ...config, ...overrides },
    log: silentLog,
    wallClock: () => clockMs,
    now: () => elapsedMs,
  });
}

function authenticate(secret: string, admit: () => Promise<void> = async () => {}) {
  return authentication.authenticate(readCredential(`Bearer ${secret}`), admit);
}

async function reasonOf(secret: string): Promise<string> {
  const error: unknown = await authenticate(secret).then(
    () => 'accepted',
    (thrown: unknown) => thrown,
  );
  return error instanceof HopError ? error.reason : String(error);
}

/** What is held back until the test lets it go. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

const pass = (ms: number): void => {
  clockMs += ms;
  elapsedMs += ms;
};
const setBack = (ms: number): void => {
  clockMs -= ms;
};

beforeEach(() => {
  clockMs = Date.now();
  identity = identityInMemory();
  identity.publishedKeys = [key];
  start();
});
afterEach(() => authentication.stop());

describe('the Authorization header', () => {
  const reason = (value: string | undefined): string => {
    try {
      return readCredential(value).kind;
    } catch (error) {
      return error instanceof HopError ? error.reason : 'other';
    }
  };

  it.each([
    [undefined, 'CREDENTIALS_MISSING'],
    ['', 'CREDENTIALS_MISSING'],
    ['Basic dTpw', 'CREDENTIALS_INVALID'],
    ['Bearer', 'CREDENTIALS_INVALID'],
    ['Bearer a b', 'CREDENTIALS_INVALID'],
    ['Bearer a,Bearer b', 'CREDENTIALS_INVALID'],
    [`Bearer ${'a'.repeat(5_000)}`, 'CREDENTIALS_INVALID'],
    ['bearer a.b.c', 'user'],
    ['Bearer hop_x', 'api_key'],
  ])('%s: %s', (value, expected) => expect(reason(value)).toBe(expected));
});

describe('an access token', () => {
  it('names its person, session, workspace, role and scopes', async () => {
    expect(await authenticate(signToken(key))).toEqual({
      kind: 'user',
      userId: person.user,
      credentialId: person.session,
      workspaceId: person.workspace,
      role: 'owner',
      scopes: ['links:read', 'links:write'],
    });
  });

  it('may be signed with Ed25519', async () => {
    const edwards = tokenKey('edwards', 'EdDSA');
    identity.publishedKeys = [key, edwards];
    expect(await reasonOf(signToken(edwards))).toBe('accepted');
  });

  const now = Math.floor(Date.now() / 1_000);
  it.each<[string, Record<string, unknown>, Record<string, unknown>, string]>([
    ['past its end', { iat: now - 900, exp: now - 6 }, {}, 'CREDENTIALS_EXPIRED'],
    ['of another issuer', { iss: 'https://evil.test' }, {}, 'CREDENTIALS_INVALID'],
    ['for another audience', { aud: 'other' }, {}, 'CREDENTIALS_INVALID'],
    ['of another type', {}, { typ: 'JWT' }, 'CREDENTIALS_INVALID'],
    ['without a type', {}, { typ: undefined }, 'CREDENTIALS_INVALID'],
    ['without an end', { exp: undefined }, {}, 'CREDENTIALS_INVALID'],
    ['that lives for a day', { exp: now + 86_400 }, {}, 'CREDENTIALS_INVALID'],
    ['from the future', { iat: now + 60, exp: now + 600 }, {}, 'CREDENTIALS_INVALID'],
    ['not valid yet', { nbf: now + 60 }, {}, 'CREDENTIALS_INVALID'],
    ['without a session', { sid: undefined }, {}, 'CREDENTIALS_INVALID'],
    ['without a workspace', { workspace_id: '' }, {}, 'CREDENTIALS_INVALID'],
    ['with a critical extension', {}, { crit: ['b64'], b64: false }, 'CREDENTIALS_INVALID'],
    ['without a key id', {}, { kid: undefined }, 'CREDENTIALS_INVALID'],
    ['that brings its own key', {}, { kid: 'unknown', jwk: { kty: 'EC' } }, 'CREDENTIALS_INVALID'],
  ])('%s is refused', async (_, claims, header, reason) => {
    expect(await reasonOf(signToken(key, claims, header))).toBe(reason);
  });

  it('with a changed payload is refused', async () => {
    const [header, , signature] = signToken(key).split('.');
    const payload = signToken(key, { role: 'owner', sub: 'somebody-else' }).split('.')[1];
    expect(await reasonOf(`${header}.${payload}.${signature}`)).toBe('CREDENTIALS_INVALID');
  });

  it('with the last character changed is refused, also where it means the same bytes', async () => {
    const token = signToken(key);
    for (const last of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
      if (token.endsWith(last)) continue;
      expect(await reasonOf(token.slice(0, -1) + last), last).toBe('CREDENTIALS_INVALID');
    }
  });

  it('signed by another key under a known id is refused', async () => {
    expect(await reasonOf(signToken({ ...tokenKey('x'), kid: key.kid }))).toBe('CREDENTIALS_INVALID');
  });

  it('with alg none, in any case and with or without a signature, is refused', async () => {
    const [, payload, signature] = signToken(key).split('.');
    for (const alg of ['none', 'None', 'NONE']) {
      const header = encoded({ alg, kid: key.kid, typ: 'at+jwt' });
      expect(await reasonOf(`${header}.${payload}.`)).toBe('CREDENTIALS_INVALID');
      expect(await reasonOf(`${header}.${payload}.${signature}`)).toBe('CREDENTIALS_INVALID');
    }
  });

  it('with HS256 over the public key is refused', async () => {
    const payload = signToken(key).split('.')[1];
    const input = `${encoded({ alg: 'HS256', kid: key.kid, typ: 'at+jwt' })}.${payload}`;
    for (const secret of [
      key.publicKey.export({ type: 'spki', format: 'pem' }),
      key.publicKey.export({ type: 'spki', format: 'der' }),
    ]) {
      const mac = createHmac('sha256', secret).update(input).digest('base64url');
      expect(await reasonOf(`${input}.${mac}`)).toBe('CREDENTIALS_INVALID');
    }
  });

  it('that names the other algorithm of the set is refused', async () => {
    expect(await reasonOf(signToken(key, {}, { alg: 'EdDSA' }))).toBe('CREDENTIALS_INVALID');
  });

  it('is remembered, until its key is withdrawn', async () => {
    const token = signToken(key);
    await authenticate(token);
    identity.publishedKeys = [tokenKey('second')];
    await vi.waitFor(async () => expect(await reasonOf(token)).toBe('CREDENTIALS_INVALID'), 5_000);
  });

  it('is remembered no longer than it holds', async () => {
    const token = signToken(key, { exp: Math.floor(clockMs / 1_000) + 60 });
    await authenticate(token);
    pass(64_000);
    expect(await reasonOf(token)).toBe('accepted');
    pass(1_000);
    expect(await reasonOf(token)).toBe('CREDENTIALS_EXPIRED');
  });

  it('of a key that is gone is refused although nobody called between', async () => {
    await authenticate(signToken(key));
    identity.publishedKeys = [tokenKey('second')];
    const before = identity.calls.keys;
    await vi.waitFor(() => expect(identity.calls.keys).toBeGreaterThan(before + 1), 5_000);
    expect(await reasonOf(signToken(key, { jti: randomUUID() }))).toBe('CREDENTIALS_INVALID');
  });

  it('of an unknown key asks identity at most once a second', async () => {
    start({ revocationPollMs: 60_000 });
    await authenticate(signToken(key));
    pass(1_001);
    const before = identity.calls.keys;
    for (let i = 0; i < 50; i++)
      expect(await reasonOf(signToken(tokenKey(`made-up-${i}`)))).toBe('CREDENTIALS_INVALID');
    expect(identity.calls.keys - before).toBe(1);
  });

  it('of a key that is gone is refused where the clock was set back', async () => {
    await authenticate(signToken(key));
    setBack(600_000);
    identity.publishedKeys = [tokenKey('second')];
    const token = signToken(key, { iat: Math.floor(clockMs / 1_000), exp: Math.floor(clockMs / 1_000) + 60 });
    await vi.waitFor(async () => expect(await reasonOf(token)).toBe('CREDENTIALS_INVALID'), 5_000);
  });

  it('of a revoked session is refused at the next poll', async () => {
    const token = signToken(key);
    await authenticate(token);
    identity.revoked.push(person.session);
    await vi.waitFor(async () => expect(await reasonOf(token)).toBe('CREDENTIALS_INVALID'), 5_000);
  });

  it('of a session on a later page of a long list is refused from the start', async () => {
    identity.revoked.push(...Array.from({ length: 25 }, (_, index) => `other-${index}`), person.session);
    start();
    expect(await reasonOf(signToken(key))).toBe('CREDENTIALS_INVALID');
    expect(identity.calls.revocations).toBeGreaterThanOrEqual(3);
  });

  it('of a session of which it is forgotten that it was revoked is refused, one issued later is not', async () => {
    const token = signToken(key);
    await authenticate(token);
    identity.revocationsOnPage = 200_000;
    identity.revoked.push(person.session);
    await vi.waitFor(async () => expect(await reasonOf(token)).toBe('CREDENTIALS_INVALID'), 5_000);
    for (let other = 0; other < 200_000; other++) identity.revoked.push(`other-${other}`);
    await vi.waitFor(async () => expect(await reasonOf(token)).not.toBe('CREDENTIALS_INVALID'), 5_000);
    expect(await reasonOf(token)).toBe('CREDENTIALS_EXPIRED');
    pass(10_000);
    expect(await reasonOf(token)).toBe('CREDENTIALS_EXPIRED');
    const [iat, sid] = [Math.floor(clockMs / 1_000), randomUUID()];
    expect(await reasonOf(signToken(key, { iat, exp: iat + 900, sid }))).toBe('accepted');
  });

  it('is verified without identity once its keys are known, and cannot be before', async () => {
    await authenticate(signToken(key));
    identity.isDown = true;
    expect(await reasonOf(signToken(key, { jti: randomUUID() }))).toBe('accepted');
    start();
    expect(await reasonOf(signToken(key))).toBe('DEPENDENCY_UNAVAILABLE');
    identity.isDown = false;
    pass(1_001);
    expect(await reasonOf(signToken(key))).toBe('accepted');
  });
});

describe('an API key', () => {
  const secret = makeApiKeySecret();
  beforeEach(() => identity.apiKeys.set(secret, 'key-1'));

  it('names its person, with its own scopes', async () => {
    expect(await authenticate(secret)).toMatchObject({
      kind: 'api_key',
      userId: person.user,
      credentialId: 'key-1',
      scopes: ['links:read'],
    });
  });

  it('with a wrong checksum is refused without asking', async () => {
    const wrong = secret.slice(0, -1) + (secret.endsWith('0') ? '1' : '0');
    expect(await reasonOf(wrong)).toBe('CREDENTIALS_INVALID');
    expect(identity.calls.verify).toBe(0);
  });

  it('is asked about once by calls that come together, and once when it is unknown', async () => {
    await Promise.all(Array.from({ length: 20 }, () => authenticate(secret)));
    expect(identity.calls.verify).toBe(1);
    const unknown = makeApiKeySecret();
    for (let i = 0; i < 5; i++) expect(await reasonOf(unknown)).toBe('CREDENTIALS_INVALID');
    expect(identity.calls.verify).toBe(2);
  });

  it('is asked about again when its answer is not fresh, and refused when it is gone', async () => {
    await authenticate(secret);
    pass(60);
    await authenticate(secret);
    expect(identity.calls.verify).toBe(2);
    identity.apiKeys.clear();
    pass(60);
    expect(await reasonOf(secret)).toBe('CREDENTIALS_INVALID');
  });

  it('is asked about again where the clock was set back, and works no longer while identity is down', async () => {
    start({ apiKeyStaleMs: 100 });
    await authenticate(secret);
    setBack(3_600_000);
    pass(60);
    await authenticate(secret);
    expect(identity.calls.verify).toBe(2);
    identity.isDown = true;
    pass(101);
    expect(await reasonOf(secret)).toBe('DEPENDENCY_UNAVAILABLE');
  });

  it('that ends is refused from then on, although an answer about it is fresh', async () => {
    start({ apiKeyFreshMs: 5_000 });
    identity.apiKeysEndAtMs = clockMs + 1_000;
    await authenticate(secret);
    pass(999);
    expect(await reasonOf(secret)).toBe('accepted');
    pass(1);
    expect(await reasonOf(secret)).toBe('CREDENTIALS_EXPIRED');
    expect(identity.calls.verify).toBe(1);
  });

  it('that was revoked is refused at the next poll, although an answer about it is fresh', async () => {
    start({ apiKeyFreshMs: 5_000 });
    await authenticate(secret);
    identity.revoked.push('key-1');
    await vi.waitFor(async () => expect(await reasonOf(secret)).toBe('CREDENTIALS_INVALID'), 5_000);
    expect(identity.calls.verify).toBe(1);
  });

  it('that is known works while identity is down; an unknown one gets 503 with a time to retry', async () => {
    await authenticate(secret);
    identity.isDown = true;
    pass(60);
    for (let i = 0; i < 20; i++) expect(await reasonOf(secret)).toBe('accepted');
    expect(identity.calls.verify).toBe(2);
    const error: unknown = await authenticate(makeApiKeySecret()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: 'unavailable', reason: 'DEPENDENCY_UNAVAILABLE' });
    expect((error as HopError).retryAfterMs).toBeGreaterThan(0);
  });

  it('that is known works for a bounded time', async () => {
    start({ apiKeyStaleMs: 100 });
    await authenticate(secret);
    identity.isDown = true;
    pass(60);
    expect(await reasonOf(secret)).toBe('accepted');
    pass(60);
    expect(await reasonOf(secret)).toBe('DEPENDENCY_UNAVAILABLE');
  });

  it('that is unknown is looked up 64 at a time', async () => {
    const reasons = await Promise.all(Array.from({ length: 100 }, () => reasonOf(makeApiKeySecret())));
    expect(reasons.filter((reason) => reason === 'OVERLOADED')).toHaveLength(36);
  });

  it('that is unknown is asked about only for an address that is let through; a known one for any', async () => {
    const refuse = async () => {
      throw new HopError('limited', 'RATE_LIMITED', 'Too many.');
    };
    expect(await authenticate(secret, refuse).catch((error: unknown) => error)).toMatchObject({
      reason: 'RATE_LIMITED',
    });
    expect(identity.calls.verify).toBe(0);
    await authenticate(secret);
    pass(60);
    expect(await authenticate(secret, refuse)).toMatchObject({ credentialId: 'key-1' });
    expect(identity.calls.verify).toBe(2);
  });

  it('that is known is asked about, however many made-up ones are', async () => {
    await authenticate(secret);
    pass(60);
    const answers = gate();
    identity.beforeVerify = () => answers.opened;
    const made = Array.from({ length: 65 }, () => reasonOf(makeApiKeySecret()));
    expect(await Promise.race(made)).toBe('OVERLOADED');
    const known = authenticate(secret);
    await vi.waitFor(() => expect(identity.calls.verify).toBe(1 + 64 + 1), 5_000);
    answers.open();
    expect(await known).toMatchObject({ credentialId: 'key-1' });
    await Promise.all(made);
  });

  it('that is known works on while 64 known ones are being asked about', async () => {
    const others = Array.from({ length: 64 }, makeApiKeySecret);
    for (const [index, other] of others.entries()) identity.apiKeys.set(other, `other-${index}`);
    await Promise.all([authenticate(secret), ...others.slice(1).map((other) => authenticate(other))]);
    await authenticate(others[0] as string);
    pass(60);
    const answers = gate();
    identity.beforeVerify = () => answers.opened;
    const asked = others.map((other) => authenticate(other));
    await vi.waitFor(() => expect(identity.calls.verify).toBe(65 + 64), 5_000);
    expect(await authenticate(secret)).toMatchObject({ credentialId: 'key-1' });
    expect(identity.calls.verify).toBe(65 + 64);
    answers.open();
    await Promise.all(asked);
  });
});
