import { hash } from 'node:crypto';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { LRUCache } from 'lru-cache';
import type { VerifyApiKeyResponse } from '#gen/identity/v1/identity_service_pb.ts';
import { isApiKeySecret } from '#runtime/caller/api-key-secret.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { fromConnectError, type HopError, unauthenticated, unavailable } from '#runtime/errors/errors.ts';
import { invalidCredential } from './credentials.ts';

/** The API keys of programs. */
export interface ApiKeys {
  /** Whose key it is; throws a HopError of kind unauthenticated, or unavailable when identity cannot be asked. */
  verify(secret: string): Promise<PersonCaller>;
}

/** What IdentityService.VerifyApiKey answers. */
type VerifiedApiKey = Pick<
  VerifyApiKeyResponse,
  'apiKeyId' | 'userId' | 'workspaceId' | 'role' | 'scopes' | 'expiresAt'
>;

interface ApiKeyOptions {
  /** IdentityService.VerifyApiKey, with a deadline and behind a breaker. */
  readonly ask: (secret: string) => Promise<VerifiedApiKey>;
  /** An answer is taken without asking again for so long; with the list of revocations it bounds a revoked key's life. */
  readonly freshMs?: number;
  /** While identity is away a key that it knew works for so long after its last answer. */
  readonly staleMs?: number;
  /** A refused key is refused again without asking. */
  readonly refusedMs?: number;
  readonly now?: () => number;
}

interface Known {
  readonly person: PersonCaller;
  /** Milliseconds since the epoch; Infinity: never. */
  readonly endsAt: number;
  /** When identity was asked. */
  readonly askedAt: number;
  /** Not asked again before: identity was away a moment ago. */
  retryAt: number;
}

interface Refused {
  readonly error: HopError;
  readonly until: number;
}

const mostKnown = 10_000;
const mostRefused = 10_000;
/** Look-ups under way at once; a flood of made-up keys must not become a flood of calls. */
const mostInFlight = 64;
const retryMs = 1_000;

/** Keys are remembered by their SHA-256; known and refused ones apart, so that made-up keys push no real one out. */
export function createApiKeys(options: ApiKeyOptions): ApiKeys {
  const { ask, freshMs = 5_000, staleMs = 300_000, refusedMs = 2_000, now = Date.now } = options;
  const known = new LRUCache<string, Known>({ max: mostKnown });
  const refused = new LRUCache<string, Refused>({ max: mostRefused });
  const inFlight = new Map<string, Promise<Known>>();

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
      const old = known.get(digest);
      if (!old || now() - old.askedAt > staleMs) throw cannotCheck(fault);
      old.retryAt = now() + retryMs;
      return old;
    }
  }

  function lookUpOnce(digest: string, secret: string): Promise<Known> {
    const running = inFlight.get(digest);
    if (running) return running;
    if (inFlight.size >= mostInFlight)
      throw unavailable('OVERLOADED', 'Too many API keys wait to be checked.', retryMs);
    const started = lookUp(digest, secret).finally(() => inFlight.delete(digest));
    inFlight.set(digest, started);
    return started;
  }

  return {
    async verify(secret) {
      if (!isApiKeySecret(secret)) throw invalid();
      const digest = hash('sha256', secret, 'base64url');
      const refusal = refused.get(digest);
      if (refusal && refusal.until > now()) throw refusal.error;
      let entry = known.get(digest);
      const isUsable = entry && (now() - entry.askedAt <= freshMs || isHeldOver(entry, staleMs, now()));
      if (!entry || !isUsable) entry = await lookUpOnce(digest, secret);
      if (entry.endsAt <= now()) throw expired();
      return entry.person;
    },
  };
}

function isHeldOver(entry: Known, staleMs: number, now: number): boolean {
  return now < entry.retryAt && now - entry.askedAt <= staleMs;
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
  return unauthenticated('CREDENTIALS_EXPIRED', 'The API key is past its end.');
}

function cannotCheck(cause: HopError): HopError {
  return unavailable(
    'DEPENDENCY_UNAVAILABLE',
    'API keys cannot be checked just now.',
    cause.retryAfterMs ?? retryMs,
    cause,
  );
}
