import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { unavailable } from '#runtime/errors/errors.ts';
import type { Log } from '#runtime/telemetry/log.ts';

/** A public key of identity, and the one algorithm that it may be used with. */
interface SigningKey {
  readonly algorithm: 'ES256' | 'EdDSA';
  readonly publicKey: KeyObject;
}

export interface SigningKeys {
  /** The key with this id; undefined: identity has none. Throws unavailable when identity cannot be asked. */
  find(keyId: string): Promise<SigningKey | undefined>;
  /** Whether the key is in the most recently read set: a token signed by a withdrawn key is no longer valid. */
  holds(keyId: string): boolean;
  stop(): void;
}

interface SigningKeyOptions {
  /** IdentityService.GetSigningKeys: a JWK set as JSON. */
  readonly fetch: () => Promise<Uint8Array>;
  readonly log: Log;
  /** How often the set is read, whoever calls: while identity answers, a withdrawn key verifies tokens no longer than this. */
  readonly intervalMs: number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

const mostKeys = 32;
/** However many unknown key ids are sent, identity is not asked more often than this. */
const leastIntervalMs = 1_000;
const retryMs = 1_000;

/** Keys stay known while identity is away: tokens that it signed before are verified without it. */
export function createSigningKeys(options: SigningKeyOptions): SigningKeys {
  const { fetch, log, intervalMs, now } = options;
  let keys: ReadonlyMap<string, SigningKey> | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let lastFailure: unknown;
  let running: Promise<void> | undefined;

  async function read(): Promise<void> {
    triedAt = now();
    try {
      keys = keysFrom(await fetch());
      lastFailure = undefined;
    } catch (error) {
      if (lastFailure === undefined) log.warn({ err: error }, 'signing keys cannot be read');
      lastFailure = error;
    }
  }

  function refresh(minAgeMs: number): Promise<void> {
    if (!running && now() - triedAt >= minAgeMs) {
      running = read().finally(() => {
        running = undefined;
      });
    }
    return running ?? Promise.resolve();
  }

  const timer = setInterval(() => void refresh(0), intervalMs).unref();

  return {
    holds: (keyId) => keys?.has(keyId) ?? false,
    stop: () => clearInterval(timer),
    async find(keyId) {
      const known = keys?.get(keyId);
      if (known) return known;
      await refresh(leastIntervalMs);
      const found = keys?.get(keyId);
      if (!found && lastFailure !== undefined) {
        throw unavailable('DEPENDENCY_UNAVAILABLE', 'Tokens cannot be checked at the moment.', retryMs, lastFailure);
      }
      return found;
    },
  };
}

/** Accepts P-256 and Ed25519 keys with an id; no token may be signed with anything else in the set. */
function keysFrom(body: Uint8Array): ReadonlyMap<string, SigningKey> {
  const set: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
  if (typeof set !== 'object' || set === null || !('keys' in set) || !Array.isArray(set.keys)) {
    throw new Error('The signing keys are no JWK set.');
  }
  const keys = new Map<string, SigningKey>();
  for (const entry of set.keys.slice(0, mostKeys)) {
    const jwk = entry as JsonWebKey & { kid?: unknown; use?: unknown };
    const algorithm = algorithmOf(jwk);
    if (!algorithm || typeof jwk.kid !== 'string' || (jwk.use !== undefined && jwk.use !== 'sig')) continue;
    const { kty, crv, x, y } = jwk;
    const publicParts = { kty, crv, x, y } as JsonWebKey;
    keys.set(jwk.kid, { algorithm, publicKey: createPublicKey({ key: publicParts, format: 'jwk' }) });
  }
  if (keys.size === 0) throw new Error('The signing keys hold no usable key.');
  return keys;
}

function algorithmOf(jwk: JsonWebKey): SigningKey['algorithm'] | undefined {
  if (jwk.kty === 'EC' && jwk.crv === 'P-256') return 'ES256';
  return jwk.kty === 'OKP' && jwk.crv === 'Ed25519' ? 'EdDSA' : undefined;
}
