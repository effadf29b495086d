import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { type HotEntry, isSameEntry } from './entry.ts';
import { type Capacity, type EntryFault, faultOf } from './snapshot.ts';
import type { BaseRoutes } from './xds/base-routes.ts';
import { encodeEntry } from './xds/resources.ts';

/** The changing entries of the hot set, within its capacity. */
export interface HotEntries {
  /**
   * `replaced`: an outdated entry of this name was there. The other words say why the entry was not taken; an older one of this name is
   * then removed too.
   */
  put(entry: HotEntry): 'added' | 'replaced' | 'same' | EntryFault | 'refused_before' | 'full';
  remove(key: LinkKey): boolean;
  /** Removes an entry that an Envoy refused, if it is still there, and does not accept it again. */
  ban(entry: HotEntry): void;
  /** Removes the entries that new routes in the file conflict with; returns how many. */
  fit(base: BaseRoutes): number;
  /** By domain. The list of a domain remains the same array until it changes. */
  lists(): ReadonlyMap<string, readonly HotEntry[]>;
  readonly count: number;
  readonly bytes: number;
}

const bansKept = 1_000;

export function createHotEntries(domains: readonly string[], capacity: Capacity): HotEntries {
  const known = new Set(domains);
  const byDomain = new Map<string, Map<string, HotEntry>>(domains.map((domain) => [domain, new Map()]));
  const lists = new Map<string, readonly HotEntry[]>();
  const banned = new Set<string>();
  let base: BaseRoutes | undefined;
  let count = 0;
  let bytes = 0;

  function drop(entry: HotEntry): void {
    byDomain.get(entry.domain)?.delete(entry.code);
    lists.delete(entry.domain);
    count -= 1;
    bytes -= encodeEntry(entry).length;
  }

  function put(entry: HotEntry): ReturnType<HotEntries['put']> {
    const before = byDomain.get(entry.domain)?.get(entry.code);
    if (before && isSameEntry(before, entry)) return 'same';
    if (before) drop(before);
    const fault = faultOf(entry, known, base);
    if (fault) return fault;
    const isBanned = banned.has(banName(entry));
    if (isBanned || count >= capacity.entries || bytes + encodeEntry(entry).length > capacity.bytes)
      return isBanned ? 'refused_before' : 'full';
    byDomain.get(entry.domain)?.set(entry.code, entry);
    lists.delete(entry.domain);
    count += 1;
    bytes += encodeEntry(entry).length;
    return before ? 'replaced' : 'added';
  }

  return {
    put,
    remove({ domain, code }) {
      const entry = byDomain.get(domain)?.get(code);
      if (entry) drop(entry);
      return entry !== undefined;
    },
    ban(entry) {
      banned.add(banName(entry));
      for (const oldest of banned) if (banned.size > bansKept) banned.delete(oldest);
      if (byDomain.get(entry.domain)?.get(entry.code) === entry) drop(entry);
    },
    fit(next) {
      base = next;
      const homeless = [...byDomain.values()].flatMap((entries) =>
        [...entries.values()].filter((entry) => faultOf(entry, known, next)),
      );
      for (const entry of homeless) drop(entry);
      return homeless.length;
    },
    lists() {
      for (const [domain, entries] of byDomain) if (!lists.has(domain)) lists.set(domain, [...entries.values()]);
      return lists;
    },
    get count() {
      return count;
    },
    get bytes() {
      return bytes;
    },
  };
}

const banName = ({ domain, code, version }: HotEntry): string => `${domain}/${code}@${version}`;
