import type { Revocations } from '#runtime/caller/revocations.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { unauthenticated } from '#runtime/errors/errors.ts';
import type { ApiKeys } from './api-keys.ts';
import { type Credential, invalidCredential } from './credentials.ts';
import type { AccessTokens, VerifiedToken } from './jwt.ts';

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
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}): Authenticate {
  const { tokens, apiKeys, revocations, wallClock } = parts;
  return async ({ kind, secret }, admit) => {
    const verified: Promise<Omit<VerifiedToken, 'issuedAt'> & Partial<VerifiedToken>> =
      kind === 'api_key' ? apiKeys.verify(secret, admit).then((person) => ({ person })) : tokens.verify(secret);
    const [{ person, issuedAt }] = await Promise.all([verified, revocations.loaded()]);
    if (revocations.has(person.credentialId)) throw invalidCredential('The token or the API key was revoked.');
    // Identity is asked about an API key every few seconds, but about a session only when its access token is renewed.
    if (issuedAt !== undefined && revocations.mayHaveForgotten(wallClock() - issuedAt))
      throw unauthenticated('CREDENTIALS_EXPIRED', 'The token has to be renewed.');
    return person;
  };
}
