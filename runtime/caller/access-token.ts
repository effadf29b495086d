/**
 * The access token that a signed-in person sends: a JWT that identity signs and gateway/access verifies (RFC 9068). Both take these values
 * from here.
 */
export const accessToken = {
  /** The header's `typ`: no other JWT passes for an access token. */
  type: 'at+jwt',
  /** The claim `aud`. The claim `iss` is the public URL of the installation (HOP_PUBLIC_URL). */
  audience: 'hopline',
  algorithms: ['ES256', 'EdDSA'],
  /** The most from `iat` to `exp`. */
  longestLifetimeSeconds: 900,
} as const;

/** In addition to iss, aud, iat and exp. */
export interface AccessTokenClaims {
  /** The person (a UUID). */
  readonly sub: string;
  /** The session (a UUID): what a revocation names. */
  readonly sid: string;
  /** The workspace that calls are made in (a UUID). */
  readonly workspace_id: string;
  /** The role held there: "owner", "admin", "member" or "viewer". */
  readonly role: string;
  /** The scopes of that role, separated by spaces. */
  readonly scope: string;
}
