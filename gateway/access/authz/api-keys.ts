import { hash } from 'node:crypto';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { LRUCache } from 'lru-cache';
import type { VerifyApiKeyResponse } from '#gen/identity/v1/identity_service_pb.ts';
import { isApiKeySecret } from '#runtime/caller/api-key-secret.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { fromConnectError, type HopError, unauthenticated, unavailable } from '#runtime/errors/errors.ts';
import { invalidCredential } from './credentials.ts';

/** Verifies the API keys of programs. */
export interface ApiKeys {
  /**
   * The owner of the key; throws a HopError of kind unauthenticated, or unavailable when identity cannot be asked. `admit` is called before
   * identity is asked about an unknown key, and may refuse by throwing.
   */
  verify(secret: string, admit: () => Promise<void>): Promise<PersonCaller>;
}

/** What IdentityService.VerifyApiKey answers. */
type VerifiedApiKey = Pick<
  VerifyApiKeyResponse,
  'apiKeyId' | 'userId' | 'workspaceId' | 'role' | 'scopes' | 'expiresAt'
>;

interface ApiKeyOptions {
  /** IdentityService.VerifyApiKey, with a deadline and behind a breaker. */
  readonly ask: (secret: string) => Promise<VerifiedApiKey>;
  /** How long an answer is reused without asking again; together with the list of revocations this bounds the life of a revoked key. */
  readonly freshMs: number;
  /** While identity is away, how long a known key works after the last answer about it. */
  readonly staleMs: number;
  /** Milliseconds since 1970, for the expiry of keys. */
  readonly wallClock: () => number;
  /** Milliseconds, monotonic, for the age of answers. */
  readonly now: () => number;
}

interface Known {
  readonly person: PersonCaller;
  /** Milliseconds since 1970; Infinity: never. */
  readonly endsAt: number;
  /** When identity was asked. */
  readonly askedAt: number;
  /** Identity was away a moment ago, and is not asked again before this time. */
  retryAt: number;
}

interface Refused {
  readonly error: HopError;
  readonly until: number;
}

const mostKnown = 10_000;
const mostRefused = 10_000;
/** How long a refused key is refused again without asking. */
const refusedMs = 2_000;
/** Concurrent look-ups of known and of unknown keys, each; a flood of made-up keys must not become a flood of calls. */
const mostInFlight = 64;
const retryMs = 1_000;

/** Keys are cached and looked up by their SHA-256; known ones separately, so that made-up keys evict no real one. */
export function createApiKeys(options: ApiKeyOptions): ApiKeys {
  const { ask, freshMs, staleMs, wallClock, now } = options;
  const known = new LRUCache<string, Known>({ max: mostKnown });
  const refused = new LRUCache<string, Refused>({ max: mostRefused });
  const inFlight = { known: new Map<string, Promise<Known>>(), unknown: new Map<string, Promise<Known>>() };

  /** The cached answer that may stand in for identity's. */
  function notTooOld(digest: string): Known | undefined {
    const entry = known.get(digest);
    return entry && now() - entry.askedAt <= staleMs ? entry : undefined;
  }

  async function lookUp(digest: string, secret: string): Promise<Known> {
    const askedAt = now();
    try {
      const entry = knownFrom(await ask(secret), askedAt);
      known.set(digest, entry);
      return entry;
    } catch (error) {
      const fault = fromConnectError(error);
      if (fault.kind === 'unauthenticated') {
        known.delete(digest);
        const refusal = fault.reason === 'CREDENTIALS_EXPIRED' ? expired() : invalid();
        refused.set(digest, { error: refusal, until: askedAt + refusedMs });
        throw refusal;
      }
      const old = notTooOld(digest);
      if (!old) throw cannotCheck(fault);
      old.retryAt = now() + retryMs;
      return old;
    }
  }

  async function lookUpOnce(digest: string, secret: string): Promise<Known> {
    const running = inFlight.known.get(digest) ?? inFlight.unknown.get(digest);
    if (running) return running;
    const places = known.has(digest) ? inFlight.known : inFlight.unknown;
    if (places.size >= mostInFlight) {
      const old = notTooOld(digest);
      if (old) return old;
      throw unavailable('OVERLOADED', 'Too many API keys are waiting to be checked.', retryMs);
    }
    const started = lookUp(digest, secret).finally(() => places.delete(digest));
    places.set(digest, started);
    return started;
  }

  /** The cached answer if it is fresh; throws for a key that was refused a moment ago. */
  function remembered(digest: string): Known | undefined {
    const refusal = refused.get(digest);
    if (refusal && refusal.until > now()) throw refusal.error;
    const entry = notTooOld(digest);
    return entry && (now() - entry.askedAt <= freshMs || now() < entry.retryAt) ? entry : undefined;
  }

  async function find(digest: string, secret: string, admit: () => Promise<void>): Promise<Known> {
    const entry = remembered(digest);
    if (entry) return entry;
    if (!known.has(digest)) {
      await admit();
      // Another call may have learnt it meanwhile.
      const learnt = remembered(digest);
      if (learnt) return learnt;
    }
    return lookUpOnce(digest, secret);
  }

  return {
    async verify(secret, admit) {
      if (!isApiKeySecret(secret)) throw invalid();
      const entry = await find(hash('sha256', secret, 'base64url'), secret, admit);
      if (entry.endsAt <= wallClock()) throw expired();
      return entry.person;
    },
  };
}

function knownFrom(answer: VerifiedApiKey, askedAt: number): Known {
  return {
    person: {
      kind: 'api_key',
      userId: answer.userId,
      workspaceId: answer.workspaceId,
      role: answer.role,
      scopes: [...answer.scopes],
      credentialId: answer.apiKeyId,
      ...(answer.expiresAt ? { credentialEndsAtMs: timestampMs(answer.expiresAt) } : {}),
    },
    endsAt: answer.expiresAt ? timestampMs(answer.expiresAt) : Number.POSITIVE_INFINITY,
    askedAt,
    retryAt: 0,
  };
}

function invalid(): HopError {
  return invalidCredential('The API key is not valid.');
}

function expired(): HopError {
  return unauthenticated('CREDENTIALS_EXPIRED', 'The API key has expired.');
}

function cannotCheck(cause: HopError): HopError {
  return unavailable(
    'DEPENDENCY_UNAVAILABLE',
    'API keys cannot be checked at the moment.',
    cause.retryAfterMs ?? retryMs,
    cause,
  );
}
