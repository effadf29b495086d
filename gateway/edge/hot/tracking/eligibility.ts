import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { cacheControlOf } from '#runtime/shortlink/cache-control.ts';
import { isRedirectStatus, redirectStatusOf, stateOf } from '#runtime/shortlink/link-record.ts';
import type { HotEntry } from '../entry.ts';

/** An entry, and until when it may stay in the hot set (milliseconds since 1970). */
export interface Plain {
  readonly entry: HotEntry;
  readonly goneAtMs: number;
}

/**
 * How long before a link expires its entry is removed. That is more than a lease (2 s): if the control plane dies just before, the edge has
 * gone cold by itself. The rest is for the push and for clock skew between hosts.
 */
const expiryHorizonMs = 5_000;
/** An entry with less time left than this is not worth a push. */
const leastStayMs = 10_000;

const printable = /^[\x21-\x7e]+$/;

/**
 * What Envoy may answer by itself. Undefined: only the resolver knows how to answer. A link with any condition on it must not get through
 * here: a new condition in LinkRecord (a password, a rule) must be added here.
 */
export function plainLink(record: LinkRecord, nowMs: number): Plain | undefined {
  if (stateOf(record, nowMs) !== 'followable') return undefined;
  // Each follow of it consumes a use, which Envoy cannot do.
  if (record.maxClicks > 0) return undefined;
  const goneAtMs = record.expiresAt ? timestampMs(record.expiresAt) - expiryHorizonMs : Number.POSITIVE_INFINITY;
  if (goneAtMs - nowMs < leastStayMs) return undefined;
  const { domain, code, destination, id, workspaceId, version } = record;
  const status = redirectStatusOf(record);
  // Stored destinations are ASCII. Any other is answered by the resolver, which encodes it.
  if (!isRedirectStatus(status) || !printable.test(destination)) return undefined;
  const cacheControl = cacheControlOf(status);
  return { entry: { domain, code, destination, status, cacheControl, linkId: id, workspaceId, version }, goneAtMs };
}
