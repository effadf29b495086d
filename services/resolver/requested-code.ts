import { isCode } from '#runtime/shortlink/link-key.ts';

/** The last part of a short link's path, as requested. */
export interface RequestedCode {
  /** NFC. */
  readonly code: string;
  /** A trailing "+" asks where the link leads, without following it. */
  readonly preview: boolean;
}

const plainCode = /^[0-9A-Za-z_-]{1,64}$/;
/** 64 characters of two UTF-16 units each, and four times as many before composition (NFC). */
const longestRaw = 512;

/** Undefined: no link can have such a code, so no store is asked. */
export function readCode(raw: string): RequestedCode | undefined {
  if (plainCode.test(raw)) return { code: raw, preview: false };
  if (raw.length > longestRaw) return undefined;
  const preview = raw.endsWith('+');
  const code = (preview ? raw.slice(0, -1) : raw).normalize('NFC');
  return isCode(code) ? { code, preview } : undefined;
}
