import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { testSigningKey } from '../testing/test-identity.ts';
import { openSigningKeys } from './signing-keys.ts';

const directory = mkdtempSync(join(tmpdir(), 'hopline-keys-'));
const path = join(directory, 'jwt.json');
afterAll(() => rmSync(directory, { recursive: true }));

const entry = (kid: string, createdAt: number) => ({
  kid,
  private_pem: testSigningKey(kid).privateKey.export({ type: 'pkcs8', format: 'pem' }),
  created_at: new Date(createdAt).toISOString(),
});

/** As an operator should: the file is never half there. */
function write(content: unknown): void {
  writeFileSync(`${path}.new`, typeof content === 'string' ? content : JSON.stringify(content));
  renameSync(`${path}.new`, path);
}

it('publishes a new key before it signs with it, and keeps the old one for verifying', async () => {
  const start = Date.UTC(2026, 0, 1);
  const old = entry('old', start - 86_400_000);
  write({ keys: [old] });
  const keys = openSigningKeys(path, { log: silentLog, pollMs: 20, publishMs: 120_000 });
  try {
    const published = (): string[] =>
      JSON.parse(Buffer.from(keys.jwks()).toString()).keys.map((key: { kid: string }) => key.kid);
    expect(published()).toEqual(['old']);
    expect(keys.signer(start).keyId).toBe('old');

    write({ keys: [entry('new', start), old] });
    await waitFor(() => published().length === 2);
    expect(keys.signer(start + 119_999).keyId).toBe('old');
    expect(keys.signer(start + 120_000).keyId).toBe('new');

    write('{"keys": [');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(published()).toEqual(['new', 'old']);

    write({ keys: [entry('only', start)] });
    await waitFor(() => published().length === 1);
    expect(keys.signer(start).keyId).toBe('only');
  } finally {
    keys.stop();
  }
});

it('tries a file that it could not read again, though nothing of its state tells, and complains once', async () => {
  write({ keys: [entry('before', 0)] });
  const said: string[] = [];
  const log = Object.assign(Object.create(silentLog), { error: (_: unknown, text: string) => said.push(text) });
  const keys = openSigningKeys(path, { log, pollMs: 20, publishMs: 0 });
  try {
    const good = JSON.stringify({ keys: [entry('after', 0)] });
    writeFileSync(`${path}.new`, good.replace('{', '['));
    utimesSync(`${path}.new`, 1, 1);
    renameSync(`${path}.new`, path);
    await waitFor(() => said.length > 0);
    expect(keys.signer().keyId).toBe('before');
    writeFileSync(path, good);
    utimesSync(path, 1, 1);
    await waitFor(() => keys.signer().keyId === 'after');
    expect(said).toHaveLength(1);
  } finally {
    keys.stop();
  }
});

it('shows no private part', () => {
  write({ keys: [entry('k', 0)] });
  const keys = openSigningKeys(path, { log: silentLog, pollMs: 60_000, publishMs: 0 });
  keys.stop();
  const [jwk] = JSON.parse(Buffer.from(keys.jwks()).toString()).keys;
  expect(Object.keys(jwk).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
});

it('refuses to start on a file that it cannot use, and quotes no key', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const good = entry('k', 0);
  for (const [content, message] of [
    ['-----BEGIN PRIVATE KEY-----', 'is not JSON'],
    [{ keys: [] }, 'has no keys'],
    [{ keys: [{ kid: 'k' }] }, 'needs kid'],
    [{ keys: [{ ...good, private_pem: rsa }] }, 'is not a private key on P-256'],
    [{ keys: [{ ...good, private_pem: 'secret text' }] }, 'is not a private key on P-256'],
    [{ keys: [{ ...good, created_at: 'yesterday' }] }, 'is no time'],
    [{ keys: [good, good] }, 'has a kid twice'],
  ] as const) {
    write(content);
    let said = '';
    try {
      openSigningKeys(path, { log: silentLog, pollMs: 60_000, publishMs: 0 }).stop();
    } catch (error) {
      said = String(error);
    }
    expect(said).toContain(message);
    expect(said).not.toMatch(/PRIVATE KEY|secret text/);
  }
});
