import { createHash } from 'node:crypto';
import { isApiKeySecret, makeApiKeySecret } from '#runtime/caller/api-key-secret.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import {
  forbidden,
  type HopError,
  invalidFields,
  notFound,
  precondition,
  unauthenticated,
} from '#runtime/errors/errors.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { scopes as allScopes, isScope, type Role, type Scope, scopesOf } from './roles.ts';
import type { ApiKeyRecord, ApiKeyRefusal, ApiKeyStore, HeldApiKey } from './store.ts';

interface ApiKeyRequest {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expiresAt: Date | undefined;
}

/** The owner of the key and what it may do now. */
interface VerifiedApiKey {
  readonly key: HeldApiKey;
  readonly role: Role;
  readonly scopes: readonly Scope[];
}

export interface ApiKeys {
  /** Returns the secret, only this once. A key created with a key expires no later than that one, and is revoked with it. */
  create(caller: PersonCaller, request: ApiKeyRequest): Promise<{ key: ApiKeyRecord; secret: string }>;
  list(caller: PersonCaller): Promise<readonly ApiKeyRecord[]>;
  revoke(caller: PersonCaller, id: string): Promise<void>;
  verify(secret: string): Promise<VerifiedApiKey>;
}

interface ApiKeyParts {
  readonly store: ApiKeyStore;
  readonly log: Log;
  /** Keys of one person in one workspace. */
  readonly limit: number;
  readonly now?: () => number;
}

const minuteMs = 60_000;
/** The last moment that RFC 3339 can express; a later one could be stored but never returned. */
const lastMoment = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
/** Recordings of use in progress: whatever delays them must not occupy all connections. */
const mostNotes = 4;
/** "hop_" and eight characters: enough to recognise a key by, and 140 bits short of guessing it. */
const prefixLength = 12;

export function createApiKeys({ store, log, limit, now = Date.now }: ApiKeyParts): ApiKeys {
  const noteUse = createNotes(store, log);
  return {
    async create(caller, request) {
      const { name, scopes, expiresAt } = checked(request, now());
      const lacking = scopes.find((scope) => !caller.scopes.includes(scope));
      if (lacking) throw forbidden('SCOPE_MISSING', `You cannot give the scope ${lacking}.`, { scope: lacking });
      const secret = makeApiKeySecret();
      const { userId, workspaceId } = caller;
      const prefix = secret.slice(0, prefixLength);
      const parentId = caller.kind === 'api_key' ? caller.credentialId : undefined;
      const made = { userId, workspaceId, name, prefix, secretHash: hashOf(secret), scopes, expiresAt, parentId };
      const key = await store.createApiKey(made, limit);
      if (typeof key === 'string') throw refusalOf(key, limit);
      return { key, secret };
    },

    list: ({ userId, workspaceId }) => store.listApiKeys(userId, workspaceId),

    async revoke({ userId, workspaceId }, id) {
      if (await store.revokeApiKey(id, userId, workspaceId)) return;
      throw notFound('API_KEY_NOT_FOUND', 'There is no such API key.');
    },

    async verify(secret) {
      const key = isApiKeySecret(secret) ? await store.findApiKey(hashOf(secret)) : undefined;
      if (!key) throw invalidKey();
      if (key.expiresAt && key.expiresAt.getTime() <= now()) {
        throw unauthenticated('CREDENTIALS_EXPIRED', 'The API key has expired.');
      }
      noteUse(key, now());
      const ofRole = scopesOf(key.role);
      return { key, role: key.role, scopes: key.scopes.filter((scope) => ofRole.includes(scope)) };
    },
  };
}

/** At most once a minute, in the background: a key works even if its use cannot be recorded, and does not wait for it. */
function createNotes(store: ApiKeyStore, log: Log): (key: HeldApiKey, now: number) => void {
  const underWay = new Set<string>();
  return ({ id, lastUsedAt }, now) => {
    const minute = new Date(now - (now % minuteMs));
    if (lastUsedAt && lastUsedAt >= minute) return;
    // A key in use is verified again within seconds, and recorded then.
    if (underWay.has(id) || underWay.size >= mostNotes) return;
    underWay.add(id);
    void store
      .touchApiKey(id, minute)
      .catch((error: unknown) => log.warn({ err: error }, 'the use of an API key was not noted'))
      .finally(() => underWay.delete(id));
  };
}

function refusalOf(refusal: ApiKeyRefusal, limit: number): HopError {
  switch (refusal) {
    case 'no_member':
      return notFound('WORKSPACE_NOT_FOUND', 'There is no such workspace.');
    case 'limit_reached':
      return precondition('API_KEY_LIMIT_REACHED', `At most ${limit} API keys are allowed; delete one first.`);
    case 'parent_gone':
      return invalidKey();
    case 'outlives_parent':
      return invalidFields([
        { field: 'expires_at', description: 'The key must not expire later than the API key that creates it.' },
      ]);
  }
}

function invalidKey(): HopError {
  return unauthenticated('CREDENTIALS_INVALID', 'The API key is not valid.');
}

/** Throws with everything that is wrong at once. */
function checked(
  { name, scopes, expiresAt }: ApiKeyRequest,
  now: number,
): { name: string; scopes: Scope[]; expiresAt: Date | undefined } {
  const trimmed = name.trim();
  const known = new Set(scopes.filter(isScope));
  const faults = scopes.flatMap((scope, index) =>
    isScope(scope) ? [] : [{ field: `scopes[${index}]`, description: `Expected one of ${allScopes.join(', ')}.` }],
  );
  if (scopes.length === 0) faults.push({ field: 'scopes', description: 'At least one scope is needed.' });
  if (trimmed === '' || /\p{Cc}/u.test(trimmed)) {
    faults.push({ field: 'name', description: 'A name is needed, without control characters.' });
  }
  if (expiresAt && !(expiresAt.getTime() > now)) {
    faults.push({ field: 'expires_at', description: 'The time of expiry has to be in the future.' });
  } else if (expiresAt && expiresAt.getTime() > lastMoment) {
    faults.push({ field: 'expires_at', description: 'The time of expiry has to be before the year 10000.' });
  }
  if (faults.length > 0) throw invalidFields(faults);
  return { name: trimmed, scopes: [...known], expiresAt };
}

// A fast hash is enough: there are 190 random bits to guess.
function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
