import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Log } from '#runtime/telemetry/log.ts';

export interface SigningKey {
  readonly keyId: string;
  readonly privateKey: KeyObject;
  readonly createdAt: number;
}

/** The content of the key file when it was last read successfully. */
export interface SigningKeys {
  /** The key that new tokens are signed with. */
  signer(now?: number): SigningKey;
  /** The public keys as a JWK set (RFC 7517), in JSON. */
  jwks(): Uint8Array;
  stop(): void;
}

interface SigningKeyOptions {
  readonly log: Log;
  /** How often to check whether the file was changed. */
  readonly pollMs: number;
  /** The age at which a key begins to sign: by then every process that caches the public keys has it. */
  readonly publishMs: number;
}

interface KeySet {
  readonly keys: readonly [SigningKey, ...SigningKey[]];
  readonly jwks: Uint8Array;
}

const mostKeys = 16;

/**
 * Reads `{"keys": [{"kid", "private_pem", "created_at"}]}` (P-256), and again whenever the file has changed; an unusable file is logged,
 * and the previous keys stay. Throws when the first reading fails.
 */
export function openSigningKeys(path: string, { log, pollMs, publishMs }: SigningKeyOptions): SigningKeys {
  let current = readKeySet(path);
  let read: string | undefined;
  let refused: string | undefined;

  const poll = async (): Promise<void> => {
    let state = 'absent';
    try {
      const { mtimeMs, ctimeMs, size, ino } = await stat(path);
      state = `${mtimeMs}/${ctimeMs}/${size}/${ino}`;
      if (state === read) return;
      current = readKeySet(path);
      read = state;
      log.info({ keys: current.keys.map(({ keyId }) => keyId) }, 'signing keys were read');
    } catch (error) {
      // Retried each time, since the cause need not be in the file; logged once.
      if (state !== refused) log.error({ err: error }, 'the signing keys cannot be read; those from before stay');
      refused = state;
    }
  };
  const timer = setInterval(() => void poll(), pollMs).unref();

  return {
    signer(now = Date.now()) {
      return current.keys.find(({ createdAt }) => createdAt + publishMs <= now) ?? current.keys[0];
    },
    jwks: () => current.jwks,
    stop: () => clearInterval(timer),
  };
}

function readKeySet(path: string): KeySet {
  const content: unknown = parse(readFileSync(path, 'utf8'));
  const entries = hasKeys(content) ? content.keys : [];
  if (entries.length > mostKeys) throw new Error(`${path} has more than ${mostKeys} keys.`);
  const keys = entries.map((entry, index) => readKey(entry, `Key ${index + 1} of ${path}`));
  const [first, ...others] = keys;
  if (!first) throw new Error(`${path} has no keys.`);
  if (new Set(keys.map(({ keyId }) => keyId)).size < keys.length) throw new Error(`${path} has a kid twice.`);
  return { keys: [first, ...others], jwks: Buffer.from(JSON.stringify({ keys: keys.map(publicJwk) })) };
}

function readKey(entry: unknown, where: string): SigningKey {
  if (!isKeyEntry(entry)) throw new Error(`${where} needs kid, private_pem and created_at.`);
  const createdAt = Date.parse(entry.created_at);
  if (Number.isNaN(createdAt)) throw new Error(`${where} has a created_at that is no time.`);
  const privateKey = privateKeyFrom(entry.private_pem);
  if (privateKey?.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new Error(`${where} is not a private key on P-256.`);
  }
  return { keyId: entry.kid, privateKey, createdAt };
}

// The error messages of these two quote their input.
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('The file of signing keys is not JSON.');
  }
}

function privateKeyFrom(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

function publicJwk({ keyId, privateKey }: SigningKey): Record<string, unknown> {
  const { kty, crv, x, y } = createPublicKey(privateKey).export({ format: 'jwk' });
  return { kty, crv, x, y, kid: keyId, alg: 'ES256', use: 'sig' };
}

function hasKeys(value: unknown): value is { keys: readonly unknown[] } {
  return typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys);
}

function isKeyEntry(value: unknown): value is { kid: string; private_pem: string; created_at: string } {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Record<string, unknown>;
  return ['kid', 'private_pem', 'created_at'].every((name) => typeof entry[name] === 'string' && entry[name] !== '');
}
