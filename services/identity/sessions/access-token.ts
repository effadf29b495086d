import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { type AccessTokenClaims, accessToken } from '#runtime/caller/access-token.ts';
import { scopesOf } from '../roles.ts';
import type { Account } from '../store.ts';
import type { SigningKeys } from './signing-keys.ts';

export interface IssuedToken {
  readonly token: string;
  readonly expiresAt: Date;
  readonly expiresInSeconds: number;
}

/** Signs access tokens (RFC 9068). */
export type IssueAccessToken = (account: Account, sessionId: string) => Promise<IssuedToken>;

interface IssuerOptions {
  readonly keys: Pick<SigningKeys, 'signer'>;
  /** The claim iss. */
  readonly issuer: string;
  readonly lifetimeSeconds: number;
  readonly now?: () => number;
}

export function createAccessTokens({ keys, issuer, lifetimeSeconds, now = Date.now }: IssuerOptions): IssueAccessToken {
  return async ({ userId, workspaceId, role }, sessionId) => {
    const issuedAt = Math.floor(now() / 1_000);
    const expiresAt = issuedAt + lifetimeSeconds;
    const claims: Omit<AccessTokenClaims, 'sub'> = {
      sid: sessionId,
      workspace_id: workspaceId,
      role,
      scope: scopesOf(role).join(' '),
    };
    const { keyId, privateKey } = keys.signer(now());
    const token = await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'ES256', typ: accessToken.type, kid: keyId })
      .setIssuer(issuer)
      .setAudience(accessToken.audience)
      .setSubject(userId)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .setJti(randomUUID())
      .sign(privateKey);
    return { token, expiresAt: new Date(expiresAt * 1_000), expiresInSeconds: lifetimeSeconds };
  };
}
