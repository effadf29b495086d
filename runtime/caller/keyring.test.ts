import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { loadKeyring, loadServiceIdentity } from './keyring.ts';

const directory = temporaryDirectory();
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const spki = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');

function write(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

describe('loadKeyring', () => {
  it("finds a process's name by its key", () => {
    const callerKeysFile = write('callers.json', JSON.stringify({ keys: [{ kid: 'link-1', issuer: 'link', spki }] }));
    const serviceKeyFile = write('link.pem', privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
    expect(loadServiceIdentity({ callerKeysFile, serviceKeyFile })).toMatchObject({ issuer: 'link', keyId: 'link-1' });
    const stranger = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    expect(() => loadServiceIdentity({ callerKeysFile, serviceKeyFile: write('x.pem', stranger) })).toThrow(
      'has no entry',
    );
  });

  it('refuses a file that is no keyring, a key twice, and a key of another kind', () => {
    const key = { kid: 'link-1', issuer: 'link', spki };
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
      .publicKey.export({ format: 'der', type: 'spki' })
      .toString('base64');
    expect(() => loadKeyring(write('a.json', '{"keys":[{"kid":1}]}'))).toThrow('is no keyring');
    expect(() => loadKeyring(write('b.json', JSON.stringify({ keys: [key, key] })))).toThrow('twice');
    expect(() => loadKeyring(write('c.json', JSON.stringify({ keys: [{ ...key, spki: rsa }] })))).toThrow(
      'not an Ed25519 key',
    );
  });
});
