import { Tier } from '#gen/event/v1/click_pb.ts';
import { readClickTag } from '#runtime/shortlink/click-tag.ts';
import { isUuid } from '#runtime/shortlink/link-key.ts';
import { isRedirectStatus } from '#runtime/shortlink/link-record.ts';
import { Recent } from './recent.ts';

/** What one line of the spool says, validated and capped. Holds an address, which must not leave this process. */
export interface ClickLine {
  /** Microseconds since 1970. */
  readonly atUs: number;
  /** 32 hexadecimal digits, lower case. */
  readonly requestId: string;
  readonly method: 'GET' | 'HEAD';
  readonly status: number;
  readonly link: FollowedLink;
  /** With its query, as the client sent it. */
  readonly path: string;
  readonly referrer: string;
  readonly userAgent: string;
  readonly acceptLanguage: string;
  readonly secPurpose: string;
  readonly doNotTrack: boolean;
  readonly address: string;
  /** A W3C traceparent of a sampled request; else empty. */
  readonly traceparent: string;
}

/** The link that a line says was followed, and who answered. Lines that say the same share one object while it is cached. */
export interface FollowedLink {
  readonly linkId: string;
  readonly workspaceId: string;
  readonly linkVersion: bigint;
  readonly tier: Tier;
  readonly domain: string;
  readonly code: string;
}

/** `not_a_click`: a complete line about a request that followed no link. `malformed`: anything else. */
export type Outcome = ClickLine | 'not_a_click' | 'malformed';

const lineFormat = 1;
const earliestUs = Date.UTC(2020, 0) * 1_000;
const latestUs = Date.UTC(2100, 0) * 1_000;
const trace = /^00-[0-9a-f]{32}-[0-9a-f]{16}$/;
const controls = /\p{Cc}/gu;
/** Control characters and surrogates, also those of whole pairs: without the u flag the scan takes half the time. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for.
const suspect = /[\u0000-\u001f\u007f-\u009f\ud800-\udfff]/;
const tiers: Readonly<Record<string, Tier>> = {
  edge: Tier.EDGE,
  l1: Tier.L1,
  redis: Tier.REDIS,
  replica: Tier.REPLICA,
  primary: Tier.PRIMARY,
};

/**
 * Parses one line without its newline. If Envoy died within a line and continued after its restart, the line holds the torn beginning of
 * one click and all of another: the complete one is found.
 */
export function parseLine(line: string): Outcome {
  // Within a line this begins an object and nothing else: none is inside another, and a quote in a text is escaped.
  const parsed = objectOf(line) ?? objectOf(line.slice(line.lastIndexOf('{"')));
  return parsed ? fromObject(parsed) : 'malformed';
}

type Fields = Readonly<Record<string, unknown>>;

function objectOf(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

function fromObject(fields: Fields): Outcome {
  if (Number(fields.v) !== lineFormat) return 'malformed';
  const status = Number(fields.status);
  const { method, click } = fields;
  if (!isRedirectStatus(status) || (method !== 'GET' && method !== 'HEAD')) return 'not_a_click';
  const link = typeof click === 'string' ? linkOfText(click) : linkOf(fields);
  if (link === 'not_a_click') return link;
  const atUs = microseconds(fields.at);
  const requestId = identifier(fields.request_id);
  if (link === 'malformed' || atUs === undefined || !requestId) return 'malformed';
  return {
    atUs,
    requestId: requestId.replaceAll('-', ''),
    method,
    status,
    link,
    path: text(fields.path, 2_048),
    referrer: text(fields.referrer, 2_048),
    userAgent: text(fields.user_agent, 512),
    acceptLanguage: text(fields.accept_language, 128),
    secPurpose: text(fields.sec_purpose, 64),
    doNotTrack: text(fields.dnt, 8).trim() === '1' || text(fields.sec_gpc, 8).trim() === '1',
    address: text(fields.address, 64),
    traceparent: traceparentOf(fields.traceparent, requestId),
  };
}

type LinkOutcome = FollowedLink | 'not_a_click' | 'malformed';

/** The same few links are followed again and again, so parsed links are cached. */
const links = new Recent<string, FollowedLink>(16_384);

/** A line names the followed link in one field, the resolver's `x-hop-click` value; any other value names no link. */
function linkOfText(click: string): LinkOutcome {
  const known = links.get(click);
  if (known) return known;
  const tag = readClickTag(click);
  if (!tag) return 'not_a_click';
  const { linkId: link_id, workspaceId: workspace_id, version: link_version, tier, domain, code } = tag;
  const link = linkOf({ link_id, workspace_id, link_version, tier, domain, code });
  if (typeof link === 'object') links.set(click, link);
  return link;
}

function linkOf(fields: Fields): LinkOutcome {
  if (!fields.link_id) return 'not_a_click';
  const linkId = identifier(fields.link_id);
  const workspaceId = identifier(fields.workspace_id);
  if (!linkId || !workspaceId) return 'malformed';
  return {
    linkId,
    workspaceId,
    linkVersion: version(fields.link_version),
    tier: tiers[String(fields.tier)] ?? Tier.UNSPECIFIED,
    domain: text(fields.domain, 255),
    code: text(decoded(text(fields.code, 1_024)), 256),
  };
}

function microseconds(value: unknown): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const atUs = Number(value);
  return Number.isSafeInteger(atUs) && atUs >= earliestUs && atUs < latestUs ? atUs : undefined;
}

function identifier(value: unknown): string | undefined {
  return typeof value === 'string' && isUuid(value) ? value.toLowerCase() : undefined;
}

/** Envoy marks the ids of traced requests by a UUID version other than 4. */
function traceparentOf(value: unknown, requestId: string): string {
  return typeof value === 'string' && requestId[14] !== '4' && trace.test(value) ? `${value}-01` : '';
}

function version(value: unknown): bigint {
  const digits = String(value);
  return /^\d{1,18}$/.test(digits) ? BigInt(digits) : 0n;
}

// Neither a NUL nor half a surrogate pair may reach a text column or a protobuf string.
function text(value: unknown, cap: number): string {
  if (typeof value !== 'string' || value === '') return '';
  if (value.length <= cap && !suspect.test(value)) return value;
  return value.replace(controls, '').slice(0, cap).toWellFormed();
}

function decoded(code: string): string {
  if (!code.includes('%')) return code;
  try {
    return decodeURIComponent(code);
  } catch {
    return code;
  }
}
