import { createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Layout, layoutOf, makeFolders } from './layout.ts';
import { keepSecrets } from './secrets.ts';

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

test('the keyring holds the public half of every signer', () => {
  const secrets = keepSecrets(layout);
  const { keys } = JSON.parse(readFileSync(secrets.callerKeysFile, 'utf8'));
  expect(keys.map(({ kid }: { kid: string }) => kid)).toContain('gateway-access-1');
  for (const { issuer, spki } of keys) {
    const own = createPublicKey(createPrivateKey(readFileSync(secrets.keyFile(issuer))));
    expect(own.export({ type: 'spki', format: 'der' }).toString('base64')).toBe(spki);
  }
});

test('one key covers the whole code space', () => {
  const { keys } = JSON.parse(readFileSync(keepSecrets(layout).codeKeysFile, 'utf8'));
  expect(keys).toMatchObject([{ id: 1, from: '0', to: '3521614606207' }]);
});
