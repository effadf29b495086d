import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { BaseConfig } from '../config/base-config.ts';

/** A public key that caller tokens may be signed with, and whose it is. */
export interface CallerKey {
  readonly keyId: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
}

export type Keyring = ReadonlyMap<string, CallerKey>;

/** The identity of this process, with the key that proves it. */
export interface ServiceIdentity {
  readonly issuer: string;
  readonly keyId: string;
  readonly privateKey: KeyObject;
}

interface KeyringFile {
  readonly keys: readonly { readonly kid: string; readonly issuer: string; readonly spki: string }[];
}

/** Reads the public keys of all processes: `{"keys": [{"kid", "issuer", "spki": base64 of the DER SPKI}]}`, Ed25519 only. */
export function loadKeyring(path: string): Keyring {
  const file: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (!isKeyringFile(file)) throw new Error(`${path} is no keyring: expected keys with kid, issuer and spki.`);
  const keyring = new Map<string, CallerKey>();
  for (const { kid, issuer, spki } of file.keys) {
    if (keyring.has(kid)) throw new Error(`${path} has the key ${kid} twice.`);
    const publicKey = createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' });
    if (publicKey.asymmetricKeyType !== 'ed25519') throw new Error(`The key ${kid} in ${path} is not an Ed25519 key.`);
    keyring.set(kid, { keyId: kid, issuer, publicKey });
  }
  return keyring;
}

/** This process's identity: its private key, named by the keyring entry that has the same public key. */
export function loadServiceIdentity(
  config: Pick<BaseConfig, 'serviceKeyFile' | 'callerKeysFile'>,
  keyring: Keyring = loadKeyring(config.callerKeysFile),
): ServiceIdentity {
  const privateKey = createPrivateKey(readFileSync(config.serviceKeyFile));
  const publicKey = createPublicKey(privateKey);
  for (const key of keyring.values()) {
    if (key.publicKey.equals(publicKey)) return { issuer: key.issuer, keyId: key.keyId, privateKey };
  }
  throw new Error(`The key in ${config.serviceKeyFile} has no entry in ${config.callerKeysFile}.`);
}

function isKeyringFile(value: unknown): value is KeyringFile {
  if (typeof value !== 'object' || value === null || !('keys' in value) || !Array.isArray(value.keys)) return false;
  const texts = ['kid', 'issuer', 'spki'];
  return value.keys.every(
    (key: unknown) =>
      typeof key === 'object' &&
      key !== null &&
      texts.every((name) => typeof (key as Record<string, unknown>)[name] === 'string'),
  );
}
