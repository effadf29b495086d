import type { Log } from '#runtime/telemetry/log.ts';
import type { HotEntry } from './entry.ts';
import { type Capacity, faultsOf, type Snapshot, takeSnapshot } from './snapshot.ts';
import type { BaseRoutes } from './xds/base-routes.ts';

interface SnapshotsOptions {
  /** By short domain: its hosts. */
  readonly hosts: ReadonlyMap<string, readonly string[]>;
  readonly capacity: Capacity;
  readonly log: Log;
}

/** By short domain. */
type Lists = ReadonlyMap<string, readonly HotEntry[]>;

/** The sequence of snapshots that Envoys should have. */
export interface Snapshots {
  /** Grows with every change of the set and with every snapshot: what is sent for a change has a greater version. */
  readonly version: bigint;
  readonly newest: Snapshot | undefined;
  /** The set was changed. */
  advance(): void;
  /** Sets the routes that Envoy has loaded from now on. */
  setBase(base: BaseRoutes): void;
  /** Takes the next snapshot. False, and the newest stays, if Envoy's routes are unknown or the next one would be inconsistent. */
  take(lists: Lists): boolean;
  /** The same snapshot with only these entries, for one Envoy: to find out which of them it refuses. */
  probe(snapshot: Snapshot, some: readonly HotEntry[]): Snapshot;
}

export function createSnapshots({ hosts, capacity, log }: SnapshotsOptions): Snapshots {
  let version = 0n;
  let base: BaseRoutes | undefined;
  let newest: Snapshot | undefined;

  function advance(): void {
    version += 1n;
  }

  return {
    advance,
    get version() {
      return version;
    },
    get newest() {
      return newest;
    },
    setBase(next) {
      base = next;
      advance();
    },
    take(lists) {
      if (!base) return false;
      // A new version: what an Envoy was sent meanwhile to find a culprit has one too.
      advance();
      const entries = new Map([...lists].filter(([, list]) => list.length > 0));
      const next = takeSnapshot({ version, base, entries, hosts }, newest);
      const faults = faultsOf(next, base, capacity);
      if (faults.length > 0) {
        log.error({ faults }, 'the hot set is not consistent and is not sent');
        return false;
      }
      newest = next;
      return true;
    },
    probe({ base: routes, virtualHosts }, some) {
      advance();
      const own = Map.groupBy(some, ({ domain }) => domain);
      const entries = new Map([...virtualHosts.values()].map(({ domain }) => [domain, own.get(domain) ?? []]));
      return takeSnapshot({ version, base: routes, entries, hosts });
    },
  };
}
