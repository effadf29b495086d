import type { FieldMask, Timestamp } from '@bufbuild/protobuf/wkt';
import type { CreateLinkRequest, LinkPatch, ListLinksRequest } from '#gen/link/v1/link_service_pb.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { HopError, invalid, invalidFields } from '#runtime/errors/errors.ts';
import { pageSizeOf } from '#runtime/rpc/page-size.ts';
import { rowTokens } from '#runtime/rpc/page-token.ts';
import type { Domains } from '#runtime/shortlink/link-key.ts';
import { dateOf } from '#runtime/shortlink/link-record.ts';
import { checkAlias } from './codes/alias.ts';
import { checkDestination, type DestinationRules } from './destinations/destination.ts';
import { createViolations, type Violations, violation } from './field-violations.ts';
import { checkEnd, checkLifetime, checkTags, checkTitle, defaultRedirectStatus } from './links/link-fields.ts';
import type { LinkEdit } from './links/links.ts';
import type { ListQuery, NewLink, StateFilter } from './store.ts';

export interface RequestRules {
  readonly domains: Domains;
  readonly destinations: DestinationRules;
}

/** The domain that a request names. Throws INVALID_ARGUMENT when it is not one of ours. */
export function domainOf(domains: Domains, given: string | undefined): string {
  const domain = domains.named(given);
  if (domain === undefined) throw invalid('domain', 'is not one of this installation', 'DOMAIN_UNKNOWN');
  return domain;
}

/** A validated request to create a link, except for what depends on the time (checkEnd). */
export interface CheckedCreate {
  readonly link: NewLink;
  readonly alias: string | undefined;
  /** The whole request in canonical form; a ttl stays a ttl, so that a later repetition compares equal. */
  readonly asked: readonly unknown[];
}

export function checkCreate(request: CreateLinkRequest, person: PersonCaller, rules: RequestRules): CheckedCreate {
  const violations = createViolations();
  const domain = rules.domains.named(request.domain);
  if (domain === undefined) violations.add(violation('domain', 'is not one of this installation', 'DOMAIN_UNKNOWN'));
  const { longUrl = request.originalUrl === undefined ? '' : undefined, originalUrl } = request;
  const destination = destinationOf({ longUrl, originalUrl }, rules, violations);
  const alias = request.alias === undefined ? undefined : violations.take(checkAlias(request.alias));
  const { ttl, expiresAt } = violations.take(lifetimeOf(request)) ?? {};
  const title = violations.take(checkTitle(request.title ?? ''));
  const tags = violations.take(checkTags(request.tags));
  violations.throwIfAny();
  const link = {
    domain: domain ?? '',
    workspaceId: person.workspaceId,
    createdBy: person.userId,
    destination: destination ?? '',
    redirectStatus: request.redirectStatus ?? defaultRedirectStatus,
    title: title ?? '',
    tags: tags ?? [],
    expiresAt,
    ttl,
    maxClicks: request.maxClicks,
  };
  const ending = [request.ttl ?? null, request.expiresAt ? dateOf(request.expiresAt) : null];
  // New fields of the contract are added only if set, so that a key used before still matches its request.
  const limit = request.maxClicks === undefined ? [] : [request.maxClicks];
  const asked = [link.domain, alias ?? null, link.destination, link.redirectStatus, link.title, link.tags, ending];
  return { link, alias, asked: [...asked, ...limit] };
}

/** The value for a field that update_mask names and the patch leaves out. */
const clearable: ReadonlyMap<string, Partial<LinkEdit>> = new Map(
  Object.entries({
    ttl: { expiresAt: null },
    expires_at: { expiresAt: null },
    title: { title: '' },
    tags: { tags: [] },
    redirect_status: { redirectStatus: defaultRedirectStatus },
    max_clicks: { maxClicks: null },
  }),
);

/** Fields that every link has: update_mask may name them only if the patch has a value. */
const lasting = new Map<string, (patch: LinkPatch) => unknown>([
  ['alias', ({ alias }) => alias],
  ['long_url', ({ longUrl, originalUrl }) => longUrl ?? originalUrl],
  ['original_url', ({ longUrl, originalUrl }) => longUrl ?? originalUrl],
  ['is_active', ({ isActive }) => isActive],
]);

export function checkPatch(patch: LinkPatch | undefined, mask: FieldMask | undefined, rules: RequestRules): LinkEdit {
  const violations = createViolations();
  const cleared = clearedBy(mask, patch, violations);
  const given = patch ? givenBy(patch, rules, violations) : {};
  violations.throwIfAny();
  return { ...cleared, ...given };
}

function givenBy(patch: LinkPatch, rules: RequestRules, violations: Violations): LinkEdit {
  const { ttl, expiresAt } = violations.take(lifetimeOf(patch)) ?? {};
  const given = {
    alias: patch.alias === undefined ? undefined : violations.take(checkAlias(patch.alias)),
    destination: destinationOf(patch, rules, violations),
    ttl,
    expiresAt: violations.take(checkEnd(expiresAt, Date.now())),
    isActive: patch.isActive,
    title: patch.title === undefined ? undefined : violations.take(checkTitle(patch.title)),
    tags: patch.tags.length === 0 ? undefined : violations.take(checkTags(patch.tags)),
    redirectStatus: patch.redirectStatus,
    maxClicks: patch.maxClicks,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function clearedBy(
  mask: FieldMask | undefined,
  patch: LinkPatch | undefined,
  violations: Violations,
): Partial<LinkEdit> {
  let cleared: Partial<LinkEdit> = {};
  for (const path of mask?.paths ?? []) {
    // In JSON the paths of a mask are in camelCase, in a query string they are unchanged.
    const name = path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const valueIn = lasting.get(name);
    if (!valueIn && !clearable.has(name))
      violations.add(violation('update_mask', `${shown(path)} is no field that can be changed`));
    if (valueIn && (!patch || valueIn(patch) === undefined))
      violations.add(violation('update_mask', `${shown(path)} cannot be cleared: give its new value`));
    cleared = { ...cleared, ...clearable.get(name) };
  }
  return cleared;
}

/** A path may be as long as a request; no field's name is nearly as long as this. */
const shown = (path: string): string => JSON.stringify(path.slice(0, 32));

/** Renames the destination in a later refusal to the name that the request uses for it. */
export async function named<Answer>(request: DestinationNames | undefined, answer: Promise<Answer>): Promise<Answer> {
  return answer.catch((error: unknown) => {
    if (request?.originalUrl === undefined || !(error instanceof HopError)) throw error;
    if (!error.violations.some(({ field }) => field === 'long_url')) throw error;
    const violations = error.violations.map((each) =>
      each.field === 'long_url' ? { ...each, field: 'original_url' } : each,
    );
    throw invalidFields(violations, error.reason);
  });
}

interface DestinationNames {
  readonly longUrl?: string | undefined;
  readonly originalUrl?: string | undefined;
}

/** Undefined if neither is given, or after recording what is wrong with it. */
function destinationOf(
  { longUrl, originalUrl }: DestinationNames,
  rules: RequestRules,
  violations: Violations,
): string | undefined {
  if (longUrl !== undefined && originalUrl !== undefined) {
    violations.add(violation('original_url', 'is another name of long_url: give one of them'));
    return undefined;
  }
  const given = originalUrl ?? longUrl;
  if (given === undefined) return undefined;
  const field = originalUrl === undefined ? 'long_url' : 'original_url';
  if (given === '') {
    violations.add(violation(field, 'must be given, as long_url or as original_url', 'DESTINATION_INVALID'));
    return undefined;
  }
  return violations.take(checkDestination(given, field, rules.destinations));
}

interface AskedLifetime {
  readonly ttl?: number | undefined;
  readonly expiresAt?: Timestamp | undefined;
}

function lifetimeOf({ ttl, expiresAt }: AskedLifetime): ReturnType<typeof checkLifetime> {
  return checkLifetime({ ttl, expiresAt: expiresAt && dateOf(expiresAt) });
}

const defaultPageSize = 50;
const states = new Set<string>(['active', 'disabled', 'expired', 'used_up', 'deleted'] satisfies StateFilter[]);
const order = /^(created_at|updated_at)(?: (asc|desc))?$/;

/** What to list, and the query that its page tokens belong to. */
export interface CheckedList {
  readonly query: ListQuery;
  readonly question: readonly unknown[];
}

/** An empty one counts as absent, as a form sends it for an empty field. */
function filtersOf({ tag, search, state, orderBy, domain }: ListLinksRequest) {
  return {
    tag: tag || undefined,
    search: search || undefined,
    state: state || undefined,
    orderBy: orderBy || undefined,
    domain: domain || undefined,
  };
}

export function checkList(request: ListLinksRequest, person: PersonCaller, domains: Domains): CheckedList {
  const limit = pageSizeOf(request.pageSize, defaultPageSize);
  const { tag, search, state, orderBy: ordering, domain: host } = filtersOf(request);
  if (state !== undefined && !states.has(state)) {
    throw invalid('state', 'must be "active", "disabled", "expired", "used_up" or "deleted"');
  }
  const [, orderBy, direction = 'desc'] = order.exec(ordering ?? 'created_at desc') ?? [];
  if (orderBy === undefined) {
    throw invalid('order_by', 'must be "created_at" or "updated_at", then optionally " asc" or " desc"');
  }
  for (const [field, value] of Object.entries({ tag, search })) {
    if (value?.includes('\0')) throw invalid(field, 'must not contain NUL characters');
  }
  const query = {
    workspaceId: person.workspaceId,
    createdBy: request.userId === 'me' ? person.userId : request.userId || undefined,
    domain: host === undefined ? undefined : domainOf(domains, host),
    tag,
    search: search?.normalize('NFC'),
    state: state as StateFilter | undefined,
    orderBy: orderBy as ListQuery['orderBy'],
    descending: direction === 'desc',
    limit,
  };
  const { createdBy, domain, descending } = query;
  const question = [query.workspaceId, createdBy, domain, query.tag, query.search, state, orderBy, descending];
  const after = request.pageToken === '' ? undefined : rowTokens.read(question, request.pageToken);
  return { query: { ...query, after }, question };
}
