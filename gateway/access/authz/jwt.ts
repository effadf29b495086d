import { hash } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { type AccessTokenClaims, accessToken } from '#runtime/caller/access-token.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { HopError, unauthenticated } from '#runtime/errors/errors.ts';
import { isSpelledOnce } from '#runtime/http/base64url.ts';
import { invalidCredential } from './credentials.ts';
import type { SigningKeys } from './signing-keys.ts';

/** What a valid token says. */
export interface VerifiedToken {
  readonly person: PersonCaller;
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
}

/** Verifies the access tokens of signed-in persons. */
export interface AccessTokens {
  /** Throws a HopError of kind unauthenticated, or unavailable when the key of the token cannot be fetched. */
  verify(token: string): Promise<VerifiedToken>;
}

interface AccessTokenOptions {
  readonly keys: SigningKeys;
  /** The public URL of the installation. */
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

interface Verified extends VerifiedToken {
  readonly keyId: string;
  /** Milliseconds since 1970, clock skew included. */
  readonly endsAt: number;
}

const skewSeconds = 5;
/** Cache size for verified tokens: checking a signature costs 68 us, hashing the token 1 us. */
const mostVerified = 10_000;
const shape = /^[\w-]+\.[\w-]+\.[\w-]+$/;

export function createAccessTokens({ keys, issuer, wallClock }: AccessTokenOptions): AccessTokens {
  const verified = new LRUCache<string, Verified>({ max: mostVerified });

  async function verifyAnew(token: string): Promise<Verified> {
    // For header and payload the signature itself ensures that.
    if (!isSpelledOnce(token.slice(token.lastIndexOf('.') + 1))) throw invalid();
    let keyId = '';
    const { payload } = await jwtVerify(
      token,
      async ({ alg, kid }) => {
        const key = kid === undefined ? undefined : await keys.find(kid);
        // The key determines the algorithm; the token does not choose.
        if (!key || !kid || key.algorithm !== alg) throw invalid();
        keyId = kid;
        return key.publicKey;
      },
      {
        algorithms: [...accessToken.algorithms],
        typ: accessToken.type,
        issuer,
        audience: accessToken.audience,
        clockTolerance: skewSeconds,
        requiredClaims: ['exp', 'iat'],
        currentDate: new Date(wallClock()),
      },
    );
    const endsAt = endOf(payload, wallClock());
    return { person: personIn(payload), keyId, issuedAt: (payload.iat ?? 0) * 1_000, endsAt };
  }

  return {
    async verify(token) {
      if (!shape.test(token)) throw invalid();
      const digest = hash('sha256', token, 'base64url');
      const held = verified.get(digest);
      if (held && held.endsAt > wallClock() && keys.holds(held.keyId)) return held;
      verified.delete(digest);
      const fresh = await verifyAnew(token).catch((error: unknown) => {
        throw refusal(error);
      });
      verified.set(digest, fresh);
      return fresh;
    },
  };
}

function refusal(error: unknown): HopError {
  if (error instanceof HopError) return error;
  if (error instanceof errors.JWTExpired) {
    return unauthenticated('CREDENTIALS_EXPIRED', 'The token has expired.');
  }
  return invalid();
}

/** A token that outlives the list of revocations could not be revoked; identity issues none. */
function endOf({ exp = 0, iat = 0 }: JWTPayload, now: number): number {
  const tooLong = exp - iat > accessToken.longestLifetimeSeconds + skewSeconds;
  if (tooLong || iat * 1_000 > now + skewSeconds * 1_000) throw invalid();
  return (exp + skewSeconds) * 1_000;
}

function personIn(payload: JWTPayload): PersonCaller {
  const { sub, sid, workspace_id, role, scope } = payload as Partial<Record<keyof AccessTokenClaims, unknown>>;
  if (!isName(sub) || !isName(sid) || !isName(workspace_id) || !isName(role) || typeof scope !== 'string')
    throw invalid();
  return {
    kind: 'user',
    userId: sub,
    workspaceId: workspace_id,
    role,
    scopes: scope.split(' ').filter((entry) => entry !== ''),
    credentialId: sid,
  };
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function invalid(): HopError {
  return invalidCredential('The token is not valid.');
}
