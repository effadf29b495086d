import { type Timestamp, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Link } from '#gen/link/v1/link_pb.ts';

/** What a person types about a link, as the fields hold it. */
export interface LinkDraft {
  readonly longUrl: string;
  /** Empty: the default one. */
  readonly domain: string;
  readonly alias: string;
  readonly title: string;
  /** Separated by commas. */
  readonly tags: string;
  /** As a datetime-local field has it, in the person's own zone; empty: never. */
  readonly expiresAt: string;
  /** Empty: no limit. */
  readonly maxClicks: string;
  readonly redirectStatus: string;
}

/** The most visits that a link can be limited to. */
export const mostClicks = 1_000_000;

/** The last end that a link can have. */
export const lastEnd = '9999-12-31T23:59';

export const emptyDraft: LinkDraft = {
  longUrl: '',
  domain: '',
  alias: '',
  title: '',
  tags: '',
  expiresAt: '',
  maxClicks: '',
  redirectStatus: '302',
};

export const draftOf = (link: Link): LinkDraft => ({
  longUrl: link.longUrl,
  domain: link.domain,
  alias: link.code,
  title: link.title,
  tags: link.tags.join(', '),
  expiresAt: link.expiresAt ? localTime(timestampDate(link.expiresAt)) : '',
  maxClicks: link.maxClicks === undefined ? '' : String(link.maxClicks),
  redirectStatus: String(link.redirectStatus),
});

/** The request of CreateLink; what was left empty is left out. */
export function creationOf(draft: LinkDraft) {
  const { longUrl, domain, alias, title, tags, expiresAt, maxClicks, redirectStatus } = draft;
  return {
    longUrl: withScheme(longUrl),
    ...(domain && { domain }),
    ...(alias && { alias }),
    ...(title && { title }),
    tags: tagsOf(tags),
    ...(expiresAt && { expiresAt: timeOf(expiresAt) }),
    ...(maxClicks && { maxClicks: Number(maxClicks) }),
    redirectStatus: Number(redirectStatus),
  };
}

/** The patch and the mask of UpdateLink: what differs from before, and what was cleared. */
export function patchOf(draft: LinkDraft, link: Link) {
  const before = draftOf(link);
  const changed = (field: keyof LinkDraft): boolean => draft[field] !== before[field];
  const tags = tagsOf(draft.tags);
  const cleared = [
    ...(changed('expiresAt') && !draft.expiresAt ? ['expires_at'] : []),
    ...(changed('maxClicks') && !draft.maxClicks ? ['max_clicks'] : []),
    ...(changed('title') && !draft.title ? ['title'] : []),
    ...(changed('tags') && tags.length === 0 ? ['tags'] : []),
  ];
  return {
    patch: {
      etag: link.etag,
      ...(changed('longUrl') && { longUrl: withScheme(draft.longUrl) }),
      ...(changed('alias') && { alias: draft.alias }),
      ...(changed('title') && draft.title && { title: draft.title }),
      ...(changed('tags') && { tags }),
      ...(changed('expiresAt') && draft.expiresAt && { expiresAt: timeOf(draft.expiresAt) }),
      ...(changed('maxClicks') && draft.maxClicks && { maxClicks: Number(draft.maxClicks) }),
      ...(changed('redirectStatus') && { redirectStatus: Number(draft.redirectStatus) }),
    },
    ...(cleared.length > 0 && { updateMask: { paths: cleared } }),
  };
}

/** A draft of one version of a link, carried over to a later one. */
interface Rebased {
  readonly draft: LinkDraft;
  /** What others made of the fields that the person changed too. */
  readonly contested: Partial<LinkDraft>;
}

/** What the person changed stays; all else is as others left it. */
export function rebased(draft: LinkDraft, before: Link, now: Link): Rebased {
  const [old, current] = [draftOf(before), draftOf(now)];
  const isMine = (field: keyof LinkDraft): boolean => draft[field] !== old[field];
  const isTheirs = (field: keyof LinkDraft): boolean => current[field] !== old[field];
  const fields = Object.keys(draft) as (keyof LinkDraft)[];
  const mine = fields.filter(isMine);
  const both = mine.filter((field) => isTheirs(field) && draft[field] !== current[field]);
  return { draft: { ...current, ...only(draft, mine) }, contested: only(current, both) };
}

const only = (draft: LinkDraft, fields: readonly (keyof LinkDraft)[]): Partial<LinkDraft> =>
  Object.fromEntries(fields.map((field) => [field, draft[field]]));

/** People paste hosts; a link needs a whole address. */
function withScheme(text: string): string {
  const url = text.trim();
  if (url === '') return url;
  const hasScheme = /^[a-z][a-z0-9+.-]*:/i.test(url) && !hostWithPort.test(url);
  return hasScheme ? url : `https://${url}`;
}

/** What begins as if with a scheme: `example.org:8443/x`. One without a dot may be one, as in `tel:112`. */
const hostWithPort = /^(?:[^/?#:@]+\.[^/?#:@]+|localhost):\d+(?:[/?#]|$)/i;

const tagsOf = (text: string): string[] => [...new Set(text.split(',').map((tag) => tag.trim()))].filter(Boolean);

const timeOf = (local: string): Timestamp => timestampFromDate(new Date(local));

function localTime(date: Date): string {
  const shifted = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}
