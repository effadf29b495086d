import { LRUCache } from 'lru-cache';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { type CachedLink, nameOf, type Source, toCachedLink } from '../cached-link.ts';
import type { Clock } from '../watch/freshness.ts';
import { type AbsencesOptions, createAbsences } from './absences.ts';
import { createFloors } from './floors.ts';
import { type Confirmation, createTrust, type Trust, type TrustOptions } from './trust.ts';

export interface L1Options extends TrustOptions, AbsencesOptions {
  readonly now: Clock;
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** How long the minimum acceptable version of a link is remembered, in milliseconds. */
  readonly floorMs: number;
  readonly maxFloors: number;
}

type Store = Exclude<Source, 'l1'>;

/** What was known about a link when a store was asked for it. */
export interface Inquiry extends Confirmation {
  readonly key: string;
  /** The minimum version that the primary must show. */
  readonly atLeast: bigint;
  /** Whether an entry of Redis could be checked. */
  readonly cached: boolean;
}

/** The in-process cache of links, and the minimum version of each that may still be served. */
export interface L1 extends Pick<Trust, 'trusted' | 'servableStale'> {
  /** The cached link, trusted or not. */
  get(key: string): CachedLink | undefined;
  /** To be called before a store is asked. */
  inquire(key: string): Inquiry;
  /** Offers a store's row. Returns what is cached from then on, or undefined if the row is older than acceptable. */
  offer(inquiry: Inquiry, record: LinkRecord, from: Store): CachedLink | undefined;
  /** An authoritative store says that there is no such link. False if a change has arrived since the inquiry: the store has to be asked again. */
  offerAbsence(inquiry: Inquiry): boolean;
  /** Redis says that the code led somewhere until this version and no longer does. False if a link is known to have taken it since. */
  offerGone(inquiry: Inquiry, version: bigint): boolean;
  /** Whether the link's absence was confirmed recently, with no change of it since. Redis must still be asked for a newer link. */
  rememberedAbsent(key: string, now: number): boolean;
  /** A change from Watch; forgettable: an older row of the link, if there is one, shows nothing else. */
  apply(record: LinkRecord, previousCode: string, forgettable?: boolean): void;
  /** True while a row from a replica or Redis cannot be checked against the latest changes: ask the primary. */
  blind(key: string): boolean;
  readonly size: number;
}

export function createL1(options: L1Options): L1 {
  const { now, freshness, lapseMs } = options;
  const links = new LRUCache<string, CachedLink>({
    max: options.maxEntries,
    maxSize: options.maxBytes,
    sizeCalculation: ({ bytes }) => bytes,
  });
  const trust = createTrust(options);
  const absences = createAbsences(options);
  const floors = createFloors({ now, keepMs: options.floorMs, max: options.maxFloors });

  /** The minimum acceptable version. Only the primary, if asked since a gap, may return less than was known before it. */
  function floorOf(key: string, fromPrimary: boolean): bigint {
    const floor = floors.of(key, fromPrimary ? freshness.epoch : undefined);
    const known = links.peek(key);
    if (!known || (fromPrimary && known.epoch !== freshness.epoch)) return floor;
    return later(known.version, floor);
  }

  function keep(key: string, record: LinkRecord, confirmation: Confirmation): CachedLink {
    const known = links.get(key);
    const same = known?.epoch === confirmation.epoch && known.version === record.version;
    const entry = same ? known : toCachedLink(record);
    trust.confirm(entry, confirmation);
    if (entry !== known) links.set(key, entry);
    absences.forget(key);
    return entry;
  }

  /**
   * A change says what was true when it was committed, after asOf, not when it arrives: one that arrives late may have been superseded, and
   * must not be trusted for another lapseMs. If asOf is long ago the record is kept, but not trusted.
   */
  function apply(record: LinkRecord, forgettable: boolean): void {
    const key = nameOf(record);
    const { epoch, asOf } = freshness;
    const at = Math.max(asOf, now() - lapseMs);
    floors.raise(key, record.version, epoch, forgettable);
    const known = links.peek(key);
    const wanted = known ? record.version > known.version : absences.has(key);
    // If the link was confirmed since a gap, what was known before the gap no longer counts: a failover may have undone it.
    const acceptable = record.version >= floorOf(key, known?.epoch === epoch);
    if (wanted && acceptable) keep(key, record, { at, epoch });
    else if (wanted) links.delete(key);
    absences.forget(key);
  }

  /** The code led somewhere until this version and no longer does. */
  function drop(key: string, version: bigint, epoch = freshness.epoch): void {
    floors.raise(key, version, epoch);
    const known = links.peek(key);
    if (known && known.version <= version) links.delete(key);
    absences.forget(key);
  }

  /** Whether this process has received every change that the store may lack. */
  const isChecked = ({ at, cached }: Inquiry, from: Store): boolean =>
    freshness.settled(at) && (from !== 'redis' || cached);

  /** A record that could not be checked may have been undone by a failover: it counts as known before the gap. */
  const confirmed = ({ at, epoch }: Inquiry, isSure: boolean): Confirmation => ({
    at,
    epoch: isSure ? epoch : epoch - 1,
  });

  return {
    get: (key) => links.get(key),
    trusted: trust.trusted,
    servableStale: trust.servableStale,
    inquire: (key) => ({
      key,
      at: now(),
      epoch: freshness.epoch,
      atLeast: floorOf(key, true),
      cached: freshness.cached(),
    }),
    offer(inquiry, record, from) {
      const lastWord = from === 'primary' && inquiry.epoch === freshness.epoch;
      if (record.version < floorOf(inquiry.key, lastWord)) return undefined;
      const isSure = from === 'primary' || isChecked(inquiry, from);
      return keep(inquiry.key, record, confirmed(inquiry, isSure));
    },
    offerAbsence(inquiry) {
      const { key, epoch, atLeast } = inquiry;
      if (epoch !== freshness.epoch || floorOf(key, true) !== atLeast) return false;
      links.delete(key);
      absences.remember(key, inquiry);
      return true;
    },
    offerGone(inquiry, version) {
      const { key } = inquiry;
      const confirmation = confirmed(inquiry, isChecked(inquiry, 'redis'));
      drop(key, version, confirmation.epoch);
      if (inquiry.epoch !== freshness.epoch || version < floorOf(key, false)) return false;
      absences.remember(key, confirmation);
      return true;
    },
    rememberedAbsent: absences.isRecent,
    apply(record, previousCode, forgettable = false) {
      // A record without an id means that the link was purged and its code is free.
      if (record.id === '') drop(nameOf(record), record.version);
      else apply(record, forgettable);
      if (previousCode) drop(nameOf({ domain: record.domain, code: previousCode }), record.version);
    },
    blind: (key) => floors.blind() && floors.of(key) === 0n,
    get size() {
      return links.size;
    },
  };
}

function later(one: bigint, other: bigint): bigint {
  if (one > other) return one;
  return other;
}
