import { bareHost, type Domains } from '#runtime/shortlink/link-key.ts';
import { type Checked, violation } from '../field-violations.ts';
import { isPrivateHost } from './private-hosts.ts';

const maxDestinationBytes = 8_192;
/** The longest name in DNS (RFC 1035). A takedown is looked for by each domain that the host is in: of thousands of labels that is megabytes. */
const longestHost = 253;

export interface DestinationRules {
  /** Whether this is one of our hosts: a link to a link is a loop. */
  isOwnHost(host: string, port: string): boolean;
  readonly allowPrivate: boolean;
}

/** Our own hosts: every short domain, and all names of the installation at its own port (other ports of the same machine may serve anything). */
export function createOwnHosts(domains: Domains, hostAliases: readonly string[], publicUrl: string) {
  const { hostname, port: ownPort } = new URL(publicUrl);
  const aliases = new Set([hostname, ...hostAliases].map(bareHost));
  return (host: string, port: string): boolean => domains.all.includes(host) || (aliases.has(host) && port === ownPort);
}

/**
 * The destination as the WHATWG parser serialises it, which is what clients are sent, or what is wrong with it. `field` is its name in the
 * request.
 */
export function checkDestination(raw: string, field: string, rules: DestinationRules): Checked<string> {
  const refuse = (description: string) => ({ violation: violation(field, description, 'DESTINATION_INVALID') });
  if (Buffer.byteLength(raw) > maxDestinationBytes) return refuse(`must have at most ${maxDestinationBytes} bytes`);
  // The parser would silently drop tabs and line breaks.
  if (/\p{Cc}/u.test(raw)) return refuse('must not contain control characters');
  // The spaces around it are all that the parser drops: other white space belongs to the destination, or makes it none.
  if (!/^ *https?:\/\//i.test(raw)) return refuse('must begin with http:// or https://');
  const url = URL.parse(raw);
  if (!url || url.hostname === '') return refuse('must be an absolute URL with a host');
  if (url.hostname.replace(/\.$/, '').length > longestHost)
    return refuse(`must have a host of at most ${longestHost} characters, as DNS writes it`);
  if (url.username !== '' || url.password !== '') return refuse('must not contain a user name or a password');
  if (Buffer.byteLength(url.href) > maxDestinationBytes) {
    return refuse(`must have at most ${maxDestinationBytes} bytes when it is written in full`);
  }
  return checkHost(url, field, rules);
}

/** A host as it is compared with others: a trailing dot makes no difference. */
export const withoutFinalDots = (hostname: string): string => hostname.replace(/\.+$/, '');

function checkHost(url: URL, field: string, { isOwnHost, allowPrivate }: DestinationRules): Checked<string> {
  const refuse = (description: string) => ({ violation: violation(field, description, 'DESTINATION_REFUSED') });
  const host = withoutFinalDots(url.hostname);
  if (isOwnHost(host, url.port)) return refuse('must not be a short link of this installation');
  if (!allowPrivate && isPrivateHost(host)) return refuse('must not be a private, loopback or link-local host');
  return { value: url.href };
}
