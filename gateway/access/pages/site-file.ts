import { createHash } from 'node:crypto';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Encoding } from '#runtime/http/negotiation.ts';

/** One file of the installation, compressed once. */
export interface SiteFile {
  readonly contentType: string;
  readonly cacheControl: string;
  /** The Content-Security-Policy of a page; absent for other files. */
  readonly policy?: string;
  variant(encoding: Encoding): Variant;
}

interface Variant {
  readonly encoding: Encoding;
  readonly body: Uint8Array;
  /** A strong tag: each encoding has its own. */
  readonly etag: string;
}

/** A body in all its encodings; always including the uncompressed one. */
export type Bodies = Readonly<Partial<Record<Encoding, Buffer>>> & { readonly identity: Buffer };

/** Below this many bytes compression saves less than its header costs. */
const worthCompressing = 256;

export function compressed(body: Buffer): Bodies {
  if (body.length < worthCompressing) return { identity: body };
  const br = brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  return { identity: body, br, gzip: gzipSync(body, { level: 9 }) };
}

export function siteFile(bodies: Bodies, contentType: string, cacheControl: string, policy?: string): SiteFile {
  const plain = variantOf(bodies.identity, 'identity');
  const variants = new Map<Encoding, Variant>([['identity', plain]]);
  for (const encoding of ['br', 'gzip'] as const) {
    const body = bodies[encoding];
    if (body && body.length < bodies.identity.length) variants.set(encoding, variantOf(body, encoding));
  }
  const file = { contentType, cacheControl, variant: (encoding: Encoding) => variants.get(encoding) ?? plain };
  return policy === undefined ? file : { ...file, policy };
}

function variantOf(body: Buffer, encoding: Encoding): Variant {
  const digest = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  return { encoding, body, etag: `"${digest}"` };
}
