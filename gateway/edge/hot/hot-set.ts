import type { Log } from '#runtime/telemetry/log.ts';
import { counter, histogram } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { pushCost } from './choosing/push-cost.ts';
import type { HotEntry, HotSet } from './entry.ts';
import { createFleet } from './fleet.ts';
import { createHotEntries, type HotEntries } from './hot-entries.ts';
import { createLease, type Lease } from './lease.ts';
import { createNotifier } from './notifier.ts';
import { createPushPace } from './push-pace.ts';
import type { Capacity } from './snapshot.ts';
import { createSnapshots } from './snapshots.ts';
import type { BaseRoutes } from './xds/base-routes.ts';
import type { VirtualHostSource } from './xds/virtual-hosts.ts';

interface HotSetOptions {
  /** By short domain: its hosts. */
  readonly hosts: ReadonlyMap<string, readonly string[]>;
  readonly capacity: Capacity;
  readonly log: Log;
  /** How long the first change waits for others, in milliseconds. */
  readonly lingerMs?: number;
  /** How long changes to hot links wait at most while their shards are withheld, in milliseconds. */
  readonly patienceMs?: number;
  /** Milliseconds, from any origin. */
  readonly now?: () => number;
}

/** A hot set together with what its streams are served from. */
export interface ServedHotSet extends HotSet, VirtualHostSource {
  readonly lease: Lease;
  /** Sets the routes that Envoy has loaded from now on. */
  setBase(base: BaseRoutes): void;
  stop(): void;
}

const rejections = counter(metric.hotSetRejections);
const pushDuration = histogram(metric.hotSetPushDuration);

/** Nothing is sent to any Envoy before the first put: until then it is unknown what is hot. */
export function createHotSet({ hosts, capacity, log, ...options }: HotSetOptions): ServedHotSet {
  const { lingerMs = 100, patienceMs = 6_000, now = () => performance.now() } = options;
  const entries = createHotEntries([...hosts.keys()], capacity);
  const fleet = createFleet(() => lease.changed.notify());
  const lease = createLease(fleet, now);
  const changed = createNotifier();
  const counts = { nacks: 0, refused: 0, pushes: 0 };
  const snapshots = createSnapshots({ hosts, capacity, log });
  let isKnown = false;
  const tellLeftOut = createLeftOutLog(log);
  const pace = createPushPace({ push: publish, lingerMs, patienceMs, now });
  /** Follows that went to a resolver since the last push because a shard is withheld. */
  let missed = 0;

  function publish(): void {
    missed = 0;
    if (isKnown && snapshots.take(entries.lists())) changed.notify();
  }

  function put(all: readonly HotEntry[]): HotEntry[] {
    isKnown = true;
    snapshots.advance();
    const leftOut: HotEntry[] = [];
    let isMore = false;
    for (const entry of all) {
      const outcome = entries.put(entry);
      if (outcome === 'added') isMore = true;
      if (outcome === 'added' || outcome === 'replaced' || outcome === 'same') continue;
      leftOut.push(entry);
      tellLeftOut(entry, outcome);
    }
    counts.refused += leftOut.length;
    if (isMore || snapshots.newest === undefined) pace.soon();
    else pace.later();
    return leftOut;
  }

  return {
    ...{ fleet, lease, changed, put },
    epoch: Date.now().toString(36),
    newest: () => snapshots.newest,
    remove(keys) {
      const removed = keys.filter((key) => entries.remove(key));
      if (removed.length === 0) return;
      snapshots.advance();
      pace.later();
    },
    missed(follows) {
      // While every change is already on its way, another push would not help.
      if (!pace.isDue) return;
      missed += follows;
      if (missed >= pushCost(entries.count)) pace.soon();
    },
    setLease: (ttlMs, withheld = new Set()) => lease.set(ttlMs, withheld),
    acknowledged() {
      if (pace.isDue) pace.soon();
      return fleet.settled(snapshots.version);
    },
    setBase(next) {
      snapshots.setBase(next);
      counts.refused += entries.fit(next);
      pace.soon();
    },
    probe: snapshots.probe,
    refused(why, entry) {
      counts.nacks += 1;
      rejections.add(1);
      log.error({ why, link_id: entry?.linkId }, 'Envoy refused a hot set');
      if (entry) {
        counts.refused += 1;
        entries.ban(entry);
        snapshots.advance();
      }
      // The push gets a version above those of the probes: whoever waits for one of them waits for this one.
      pace.soon();
    },
    pushing: pace.begun,
    pushed(milliseconds, verdict) {
      pace.ended(verdict === 'gone' ? undefined : milliseconds);
      if (verdict !== 'acknowledged') return;
      counts.pushes += 1;
      pushDuration.record(milliseconds / 1_000);
    },
    status: () => ({
      ...counts,
      entries: entries.count,
      bytes: entries.bytes,
      version: snapshots.version,
      acknowledgedVersion: fleet.acknowledged(),
      connected: fleet.size,
      slowestPushMs: pace.slowestMs(),
    }),
    stop: pace.stop,
  };
}

type WhyLeftOut = Exclude<ReturnType<HotEntries['put']>, 'added' | 'replaced' | 'same'>;

/** One line for each link; a warning for the first one of an unknown domain: this process's HOP_DOMAINS differs from that of the others. */
function createLeftOutLog(log: Log) {
  const warned = new Set<string>();
  return ({ linkId, domain }: HotEntry, why: WhyLeftOut): void => {
    const isOdd = why === 'unknown_domain' && !warned.has(domain);
    if (isOdd) warned.add(domain);
    log[isOdd ? 'warn' : 'debug']({ link_id: linkId, why, domain }, 'a link cannot be hot');
  };
}
