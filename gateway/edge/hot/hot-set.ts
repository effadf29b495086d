import type { Log } from '#runtime/telemetry/log.ts';
import { counter, histogram } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { createChanged } from './changed.ts';
import type { HotEntry, HotSet } from './entry.ts';
import { createFleet } from './fleet.ts';
import { createHotEntries, type HotEntries } from './hot-entries.ts';
import { createLease, type Lease } from './lease.ts';
import { type Capacity, faultsOf, type Snapshot, takeSnapshot } from './snapshot.ts';
import type { BaseRoutes } from './xds/base-routes.ts';
import type { VirtualHostSource } from './xds/virtual-hosts.ts';

interface HotSetOptions {
  /** By short domain: the hosts that mean it. */
  readonly hosts: ReadonlyMap<string, readonly string[]>;
  readonly capacity: Capacity;
  readonly log: Log;
  /** How long the first change waits for company, in milliseconds. */
  readonly lingerMs?: number;
  /** Milliseconds, from whenever. */
  readonly now?: () => number;
}

/** A hot set with what its streams are served from. */
export interface ServedHotSet extends HotSet, VirtualHostSource {
  readonly lease: Lease;
  /** What Envoy has loaded from now on. */
  setBase(base: BaseRoutes): void;
  stop(): void;
}

/**
 * A push keeps Envoy's main thread busy, and what withholds a part has to wait for it. So after a push none is sent for
 * this many times as long, up to a bound.
 */
const restShare = 2;
const longestRestMs = 2_000;
/** Sets are about as large as the ones before. */
const pushesRemembered = 100;

const rejections = counter(metric.hotSetRejections);
const pushDuration = histogram(metric.hotSetPushDuration);

/** Nothing is said to any Envoy before the first put: until then nobody knows what is hot. */
export function createHotSet({ hosts, capacity, log, ...options }: HotSetOptions): ServedHotSet {
  const { lingerMs = 100, now = () => performance.now() } = options;
  const entries = createHotEntries([...hosts.keys()], capacity);
  const fleet = createFleet(() => lease.changed.fire());
  const lease = createLease(fleet, now);
  const changed = createChanged();
  const counts = { nacks: 0, refused: 0, pushes: 0 };
  let base: BaseRoutes | undefined;
  let newest: Snapshot | undefined;
  let version = 0n;
  let isKnown = false;
  let timer: NodeJS.Timeout | undefined;
  /** Domains that links have and this process was not told of: its HOP_DOMAINS are not those of the others. */
  const warned = new Set<string>();
  const recentPushes: number[] = [];
  let restUntil = Number.NEGATIVE_INFINITY;

  /** Sends what is there by then. */
  function publishSoon(): void {
    timer ??= setTimeout(publish, Math.max(lingerMs, restUntil - now()));
  }

  function publish(): void {
    timer = undefined;
    if (!base || !isKnown) return;
    // A number of its own: what an Envoy was sent meanwhile to find a culprit has one as well.
    version += 1n;
    const lists = new Map([...entries.lists()].filter(([, list]) => list.length > 0));
    const next = takeSnapshot({ version, base, entries: lists, hosts }, newest);
    const faults = faultsOf(next, base, capacity);
    if (faults.length > 0) {
      log.error({ faults }, 'the hot set is not consistent and is not sent');
      return;
    }
    newest = next;
    changed.fire();
  }

  function put(all: readonly HotEntry[]): HotEntry[] {
    isKnown = true;
    version += 1n;
    const leftOut = all.filter((entry) => !isTaken(entry, entries.put(entry)));
    publishSoon();
    return leftOut;
  }

  function isTaken(entry: HotEntry, outcome: ReturnType<HotEntries['put']>): boolean {
    if (outcome === 'added' || outcome === 'replaced' || outcome === 'same') return true;
    counts.refused += 1;
    const isOdd = outcome === 'unknown_domain' && !warned.has(entry.domain);
    if (isOdd) warned.add(entry.domain);
    const said = { link_id: entry.linkId, why: outcome, domain: entry.domain };
    log[isOdd ? 'warn' : 'debug'](said, 'a link cannot be hot');
    return false;
  }

  return {
    ...{ fleet, lease, changed, put },
    epoch: Date.now().toString(36),
    newest: () => newest,
    remove(keys) {
      const removed = keys.filter((key) => entries.remove(key));
      if (removed.length === 0) return;
      version += 1n;
      publishSoon();
    },
    setLease: (ttlMs, withheld = new Set()) => lease.set(ttlMs, withheld),
    acknowledged: () => fleet.settled(version),
    setBase(next) {
      base = next;
      version += 1n;
      counts.refused += entries.fit(next);
      publishSoon();
    },
    probe({ base: routes, virtualHosts }, some) {
      version += 1n;
      const own = Map.groupBy(some, ({ domain }) => domain);
      const lists = new Map([...virtualHosts.values()].map(({ domain }) => [domain, own.get(domain) ?? []]));
      return takeSnapshot({ version, base: routes, entries: lists, hosts });
    },
    refused(why, entry) {
      counts.nacks += 1;
      rejections.add(1);
      log.error({ why, link_id: entry?.linkId }, 'Envoy refused a hot set');
      if (entry) {
        counts.refused += 1;
        entries.ban(entry);
        version += 1n;
      }
      // With a number above those that it was sent to find out: who waits for one of them waits for this.
      publishSoon();
    },
    pushed(milliseconds, isTaken) {
      restUntil = now() + Math.min(longestRestMs, restShare * milliseconds);
      recentPushes.push(milliseconds);
      if (recentPushes.length > pushesRemembered) recentPushes.shift();
      if (!isTaken) return;
      counts.pushes += 1;
      pushDuration.record(milliseconds / 1_000);
    },
    status: () => ({
      ...counts,
      entries: entries.count,
      bytes: entries.bytes,
      version,
      acknowledgedVersion: fleet.acknowledged(),
      connected: fleet.size,
      slowestPushMs: Math.max(0, ...recentPushes),
    }),
    stop: () => clearTimeout(timer),
  };
}
