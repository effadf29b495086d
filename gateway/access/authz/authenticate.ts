import type { Revocations } from '#runtime/caller/revocations.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import type { ApiKeys } from './api-keys.ts';
import { type Credential, invalidCredential } from './credentials.ts';
import type { AccessTokens } from './jwt.ts';

/**
 * Returns the owner of a credential; throws a HopError of kind unauthenticated or unavailable, or what `admit` throws, which is called
 * before identity is asked about an unknown API key.
 */
export type Authenticate = (credential: Credential, admit: () => Promise<void>) => Promise<PersonCaller>;

/** Verifies a credential, then checks whether it was revoked, whatever a cache says. */
export function createAuthenticate(parts: {
  readonly tokens: AccessTokens;
  readonly apiKeys: ApiKeys;
  readonly revocations: Revocations;
}): Authenticate {
  const { tokens, apiKeys, revocations } = parts;
  return async ({ kind, secret }, admit) => {
    const verified = kind === 'api_key' ? apiKeys.verify(secret, admit) : tokens.verify(secret);
    const [person] = await Promise.all([verified, revocations.loaded()]);
    if (revocations.has(person.credentialId)) throw invalidCredential('The token or the API key was revoked.');
    return person;
  };
}
