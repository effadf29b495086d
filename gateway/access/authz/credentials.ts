import { type HopError, unauthenticated } from '#runtime/errors/errors.ts';

/** The content of the Authorization header. */
export interface Credential {
  readonly kind: 'user' | 'api_key';
  readonly secret: string;
}

const longestHeader = 4_096;
const bearer = /^bearer +([\x21-\x2b\x2d-\x7e]+)$/i;

/**
 * Reads `Authorization: Bearer …`, the only place for a credential. Envoy joins repeated headers with a comma, which no credential
 * contains: two credentials count as none.
 */
export function readCredential(authorization: string | undefined): Credential {
  if (authorization === undefined || authorization === '') {
    throw unauthenticated('CREDENTIALS_MISSING', 'Send a token or an API key as "Authorization: Bearer …".');
  }
  const secret = authorization.length > longestHeader ? undefined : bearer.exec(authorization)?.[1];
  if (!secret) throw invalidCredential('The Authorization header is not "Bearer" with a token or an API key.');
  return { kind: secret.startsWith('hop_') ? 'api_key' : 'user', secret };
}

/** Says only that it is invalid: a forger learns nothing from the reason. */
export function invalidCredential(message: string): HopError {
  return unauthenticated('CREDENTIALS_INVALID', message);
}
