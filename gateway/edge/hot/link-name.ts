import type { LinkKey } from '#runtime/shortlink/link-key.ts';

/** The name by which a link is counted and remembered. */
export const nameOf = ({ domain, code }: LinkKey): string => `${domain}/${code}`;

/** The inverse of nameOf: no domain holds a slash. */
export function keyOfName(name: string): LinkKey {
  const slash = name.indexOf('/');
  return { domain: name.slice(0, slash), code: name.slice(slash + 1) };
}
