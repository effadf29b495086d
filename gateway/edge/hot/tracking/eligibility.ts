import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { cacheControlOf } from '#runtime/shortlink/cache-control.ts';
import { isRedirectStatus, redirectStatusOf, stateOf } from '#runtime/shortlink/link-record.ts';
import type { HotEntry } from '../entry.ts';

/** An entry, and until when it may stand in the hot set (milliseconds since 1970). */
export interface Plain {
  readonly entry: HotEntry;
  readonly goneAtMs: number;
}

/**
 * An entry is taken out so long before its link expires. It is more than a lease (2 s): if the control plane dies just before,
 * the edge has gone cold by itself. The rest is for the push, and for the clocks of two hosts.
 */
const expiryHorizonMs = 5_000;
/** One that has less time left than this is not worth a push. */
const leastStayMs = 10_000;

const printable = /^[\x21-\x7e]+$/;

/**
 * What Envoy may answer by itself. Undefined: only the resolver knows how to answer. A link with any condition on it must
 * not get through here: one that is added to LinkRecord (a password, a rule) is added here.
 */
export function plainLink(record: LinkRecord, nowMs: number): Plain | undefined {
  if (stateOf(record, nowMs) !== 'followable') return undefined;
  // Each follow of it takes a use, which Envoy cannot ask for.
  if (record.maxClicks > 0) return undefined;
  const goneAtMs = record.expiresAt ? timestampMs(record.expiresAt) - expiryHorizonMs : Number.POSITIVE_INFINITY;
  if (goneAtMs - nowMs < leastStayMs) return undefined;
  const { domain, code, destination, id, workspaceId, version } = record;
  const status = redirectStatusOf(record);
  // Stored destinations are ASCII. One that is not is answered by the resolver, which encodes it.
  if (!isRedirectStatus(status) || !printable.test(destination)) return undefined;
  const cacheControl = cacheControlOf(status);
  return { entry: { domain, code, destination, status, cacheControl, linkId: id, workspaceId, version }, goneAtMs };
}
