import { domainToASCII } from 'node:url';

/** What identifies a link. Created only by linkKey, so that one link has one spelling. */
export interface LinkKey {
  /** The short host: lower case, ASCII, without a port. */
  readonly domain: string;
  /** NFC, case-sensitive. */
  readonly code: string;
}

/** The longest code, in characters (code points). */
export const maxCodeLength = 64;

/** `domain` comes from Domains; `rawCode` may be in any Unicode normal form. */
export function linkKey(domain: string, rawCode: string): LinkKey {
  return { domain, code: rawCode.normalize('NFC') };
}

/** The short hosts of this installation. */
export interface Domains {
  /** The domain of a link that names none. */
  readonly defaultDomain: string;
  readonly all: readonly string[];
  /** The domain that a request's authority stands for, whatever its case, port or trailing dot. Undefined: the host is not one of ours. */
  parseHost(authority: string): string | undefined;
  /** The domain as a person wrote it in a field; absent or empty is the default. Undefined: not one of ours. */
  named(domain: string | undefined): string | undefined;
}

interface DomainSettings {
  /** HOP_DOMAINS; the first is the default. */
  readonly domains: readonly string[];
  /** HOP_HOST_ALIASES: hosts that mean the default domain; `*` stands for every unknown host. */
  readonly hostAliases?: readonly string[];
}

/** Authorities are chosen by the client: only a few results are cached, and none for authorities too long for a host name. */
const rememberedAuthorities = 1_024;
const longestAuthority = 262;
/** No spelling of a host name, which has 253 characters in ASCII, is nearly as long. Conversion to ASCII takes the square of the length. */
const longestSpelling = 1_024;

/** Throws when a domain is not a host name. */
export function createDomains({ domains, hostAliases = [] }: DomainSettings): Domains {
  const all = domains.map(hostName);
  const defaultDomain = all[0];
  if (defaultDomain === undefined) throw new Error('There must be at least one domain.');
  const known = new Map<string, string>(all.map((domain) => [domain, domain]));
  for (const alias of hostAliases) if (alias !== '*') known.set(bareHost(alias), defaultDomain);
  const unknown = hostAliases.includes('*') ? defaultDomain : undefined;
  const remembered = new Map<string, string | undefined>();

  function parseHost(authority: string): string | undefined {
    if (remembered.has(authority)) return remembered.get(authority);
    const domain = known.get(bareHost(authority)) ?? unknown;
    if (authority.length > longestAuthority) return domain;
    if (remembered.size >= rememberedAuthorities) remembered.clear();
    remembered.set(authority, domain);
    return domain;
  }

  function named(domain: string | undefined): string | undefined {
    if (domain === undefined || domain === '') return defaultDomain;
    if (domain.length > longestSpelling) return undefined;
    const ascii = asciiHost(domain);
    return all.includes(ascii) ? ascii : undefined;
  }

  return { defaultDomain, all, parseHost, named };
}

function hostName(domain: string): string {
  const ascii = asciiHost(domain);
  if (!/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(ascii))
    throw new Error(`${JSON.stringify(domain)} is no host name.`);
  return ascii;
}

/** Empty when it is not a host name. */
function asciiHost(domain: string): string {
  // The parser behind domainToASCII would silently cut off a path or a port.
  return /[/?#@:\\\s]/.test(domain) ? '' : domainToASCII(domain.toLowerCase());
}

/** The host of an authority in the form in which hosts are compared: lower case, without port or trailing dot. */
export function bareHost(authority: string): string {
  const lower = authority.toLowerCase();
  if (lower.startsWith('[')) return lower.slice(0, lower.indexOf(']') + 1);
  const colon = lower.indexOf(':');
  const host = colon < 0 ? lower : lower.slice(0, colon);
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

/** Letters, digits and marks of any script, `_` and `-`. For further rules on aliases see services/link/codes/alias.ts. */
const codeShape = new RegExp(`^[\\p{L}\\p{M}\\p{Nd}_-]{1,${maxCodeLength}}$`, 'u');

/** Whether a link can have this code, after composition (NFC). */
export const isCode = (text: string): boolean => codeShape.test(text);

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A UUID in upper or lower case. */
export const isUuid = (text: string): boolean => uuid.test(text);

/** In the canonical spelling of stores and clicks: lower case. */
export const isCanonicalUuid = (text: string): boolean => uuid.test(text) && text === text.toLowerCase();
