import type { Log } from '#runtime/telemetry/log.ts';
import { counter, histogram } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { createChanged } from './changed.ts';
import type { HotEntry, HotSet } from './entry.ts';
import { createFleet } from './fleet.ts';
import { createHotEntries, type HotEntries } from './hot-entries.ts';
import { createLease, type Lease } from './lease.ts';
import { createPushPace } from './push-pace.ts';
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
  const tellLeftOut = createLeftOutLog(log);
  const pace = createPushPace({ push: publish, lingerMs, now });

  function publish(): void {
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
    const leftOut: HotEntry[] = [];
    for (const entry of all) {
      const outcome = entries.put(entry);
      if (outcome === 'added' || outcome === 'replaced' || outcome === 'same') continue;
      leftOut.push(entry);
      tellLeftOut(entry, outcome);
    }
    counts.refused += leftOut.length;
    pace.due();
    return leftOut;
  }

  return {
    ...{ fleet, lease, changed, put },
    epoch: Date.now().toString(36),
    newest: () => newest,
    remove(keys) {
      const removed = keys.filter((key) => entries.remove(key));
      if (removed.length === 0) return;
      version += 1n;
      pace.due();
    },
    setLease: (ttlMs, withheld = new Set()) => lease.set(ttlMs, withheld),
    acknowledged: () => fleet.settled(version),
    setBase(next) {
      base = next;
      version += 1n;
      counts.refused += entries.fit(next);
      pace.due();
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
      pace.due();
    },
    pushed(milliseconds, isTaken) {
      pace.answered(milliseconds);
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
      slowestPushMs: pace.slowestMs(),
    }),
    stop: pace.stop,
  };
}

type WhyLeftOut = Exclude<ReturnType<HotEntries['put']>, 'added' | 'replaced' | 'same'>;

/** One line for each link; a warning for the first one of a domain that this process was not told of: its HOP_DOMAINS are not those of the others. */
function createLeftOutLog(log: Log) {
  const warned = new Set<string>();
  return ({ linkId, domain }: HotEntry, why: WhyLeftOut): void => {
    const isOdd = why === 'unknown_domain' && !warned.has(domain);
    if (isOdd) warned.add(domain);
    log[isOdd ? 'warn' : 'debug']({ link_id: linkId, why, domain }, 'a link cannot be hot');
  };
}
