/**
 * Whether this is the canonical base64url encoding of its bytes. Decoders ignore padding, space and the spare bits of the last character,
 * so the same bytes can be spelled in several ways (RFC 4648, 3.5).
 */
export function isSpelledOnce(text: string): boolean {
  return Buffer.from(text, 'base64url').toString('base64url') === text;
}
