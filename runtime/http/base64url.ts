/**
 * Whether this is how its bytes are written in base64url. Decoders overlook padding, space and the spare bits of the last character, so
 * that the same bytes can be spelled in several ways (RFC 4648, 3.5).
 */
export function isSpelledOnce(text: string): boolean {
  return Buffer.from(text, 'base64url').toString('base64url') === text;
}
