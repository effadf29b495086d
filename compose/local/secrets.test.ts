import { createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Layout, layoutOf, makeFolders } from './layout.ts';
import { keepSecrets, type Secrets, type Signer } from './secrets.ts';

let layout: Layout;

beforeEach(() => {
  layout = layoutOf(mkdtempSync(path.join(tmpdir(), 'hop-secrets-')));
  makeFolders(layout);
});

afterEach(() => rmSync(layout.local, { recursive: true }));

const contents = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(layout.secrets).map((name) => [name, readFileSync(path.join(layout.secrets, name), 'utf8')]),
  );

test('secrets are made once and then kept', () => {
  const first = keepSecrets(layout);
  const before = contents();
  const second = keepSecrets(layout);
  expect(contents()).toEqual(before);
  expect(second.passwords).toEqual(first.passwords);
});

test.each(['passwords.json', 'callers.json'])(
  'a mistake in %s is told with the name of the file, and nothing of what is in it',
  (name) => {
    keepSecrets(layout);
    const file = path.join(layout.secrets, name);
    writeFileSync(file, '{"postgres": "hush",}');
    const tell = (): unknown => keepSecrets(layout);
    expect(tell).toThrow(`${file} cannot be read. It is no JSON`);
    expect(tell).not.toThrow(/hush/);
  },
);

test('a lost file is made anew, the others stay', () => {
  keepSecrets(layout);
  const before = contents();
  rmSync(path.join(layout.secrets, 'jwt.json'));
  keepSecrets(layout);
  const { 'jwt.json': fresh, ...others } = contents();
  const { 'jwt.json': lost, ...kept } = before;
  expect(others).toEqual(kept);
  expect(fresh).not.toBe(lost);
});

test('nobody else can read them', () => {
  keepSecrets(layout);
  expect(statSync(layout.secrets).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(layout.secrets))
    expect([name, statSync(path.join(layout.secrets, name)).mode & 0o777]).toEqual([name, 0o600]);
});

interface KeyringEntry {
  readonly kid: string;
  readonly issuer: Signer;
  readonly spki: string;
}

const keyringOf = (secrets: Secrets): KeyringEntry[] => JSON.parse(readFileSync(secrets.callerKeysFile, 'utf8')).keys;

function ownSpki(secrets: Secrets, issuer: Signer): string {
  const own = createPublicKey(createPrivateKey(readFileSync(secrets.keyFile(issuer))));
  return own.export({ type: 'spki', format: 'der' }).toString('base64');
}

test('the keyring holds the public half of every signer', () => {
  const secrets = keepSecrets(layout);
  const keys = keyringOf(secrets);
  expect(keys.map(({ issuer }) => issuer)).toContain('gateway-access');
  for (const { issuer, spki } of keys) expect(ownSpki(secrets, issuer)).toBe(spki);
});

test('a key that was put into the keyring stays there, and so does the name of a key', () => {
  const secrets = keepSecrets(layout);
  const added = { kid: 'link-2', issuer: 'link', spki: 'of its next key' };
  const renamed = keyringOf(secrets).map((key) => ({ ...key, kid: `${key.issuer}-1` }));
  writeFileSync(secrets.callerKeysFile, JSON.stringify({ keys: [...renamed, added] }));
  expect(keyringOf(keepSecrets(layout))).toEqual([...renamed, added]);
});

test("a signer's key is rotated: both are known until the one before is retired, and no other secret changes", () => {
  const first = keyringOf(keepSecrets(layout));
  const before = contents();
  const secrets = keepSecrets(layout, { rotate: 'link' });
  const [next, ...more] = keyringOf(secrets).slice(first.length);
  expect(keyringOf(secrets).slice(0, first.length)).toEqual(first);
  expect(more).toEqual([]);
  expect(next).toMatchObject({ issuer: 'link', spki: ownSpki(secrets, 'link') });
  expect(first.map(({ kid }) => kid)).not.toContain(next?.kid);
  const changed = Object.entries(contents()).filter(([name, content]) => before[name] !== content);
  expect(changed.map(([name]) => name).sort()).toEqual(['callers.json', 'link.key.pem']);

  const after = keyringOf(keepSecrets(layout, { retire: 'link' }));
  expect(after).toEqual([...first.filter(({ issuer }) => issuer !== 'link'), next]);
});

test('a password is made anew when that is asked for, and nothing that has no such name', () => {
  const { valkey, ...others } = keepSecrets(layout).passwords;
  const { valkey: next, ...kept } = keepSecrets(layout, { rotate: 'valkey' }).passwords;
  expect(next).not.toBe(valkey);
  expect(kept).toEqual(others);
  expect(keepSecrets(layout).passwords.valkey).toBe(next);
  for (const changes of [{ rotate: 'nobody' }, { rotate: 'postgres' }, { retire: 'valkey' }])
    expect(() => keepSecrets(layout, changes)).toThrow('is none of');
});

test('one key covers the whole code space', () => {
  const { keys } = JSON.parse(readFileSync(keepSecrets(layout).codeKeysFile, 'utf8'));
  expect(keys).toMatchObject([{ id: 1, from: '0', to: '3521614606207' }]);
});
