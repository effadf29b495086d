import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CallerKey, Keyring, ServiceIdentity } from '../caller/keyring.ts';
import type { PersonCaller, ServiceCaller } from '../caller/token.ts';

export interface TestKeys {
  readonly keyring: Keyring;
  identity(issuer: string): ServiceIdentity;
}

const issuers = ['link', 'resolver', 'identity', 'analytics', 'gateway-access', 'gateway-edge'];

/** A keyring with a key for every process, made anew. */
export function testKeys(): TestKeys {
  const identities = new Map<string, ServiceIdentity>();
  const keyring = new Map<string, CallerKey>();
  for (const issuer of issuers) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const keyId = `${issuer}-1`;
    identities.set(issuer, { issuer, keyId, privateKey });
    keyring.set(keyId, { keyId, issuer, publicKey });
  }
  return {
    keyring,
    identity(issuer) {
      const identity = identities.get(issuer);
      if (!identity) throw new Error(`${issuer} is no process of the mesh.`);
      return identity;
    },
  };
}

/** A signed-in owner of a workspace with every scope, unless told otherwise. */
export function testPerson(overrides: Partial<PersonCaller> = {}): PersonCaller {
  return {
    kind: 'user',
    userId: randomUUID(),
    workspaceId: randomUUID(),
    role: 'owner',
    scopes: ['links:read', 'links:write', 'links:resolve', 'stats:read', 'keys:write', 'workspace:admin'],
    credentialId: randomUUID(),
    ...overrides,
  };
}

export function testService(service: string): ServiceCaller {
  return { kind: 'service', service };
}

/** The files that a process of the mesh is given: its private key, and the public keys of all. */
export function writeKeyFiles(
  directory: string,
  issuer: string,
  keys: TestKeys = testKeys(),
): { serviceKeyFile: string; callerKeysFile: string } {
  const serviceKeyFile = join(directory, `${issuer}.key.pem`);
  const callerKeysFile = join(directory, 'callers.json');
  const { privateKey } = keys.identity(issuer);
  writeFileSync(serviceKeyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  const entries = [...keys.keyring.values()].map(({ keyId, issuer: of, publicKey }) => ({
    kid: keyId,
    issuer: of,
    spki: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
  }));
  writeFileSync(callerKeysFile, JSON.stringify({ keys: entries }));
  return { serviceKeyFile, callerKeysFile };
}
