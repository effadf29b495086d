import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { HotSet } from './entry.ts';
import { shardOf } from './shards.ts';

export interface LeaseKeeperOptions {
  readonly hotSet: Pick<HotSet, 'setLease' | 'status'>;
  /** The age of what Watch has reported, in milliseconds (runtime/watch/watch-age.ts). */
  readonly ageMs: () => number;
  /** Whether every entry is as new as what Watch has reported. */
  readonly settled: () => boolean;
  readonly now: () => number;
  readonly log: Log;
}

/** Decides for how long Envoy may serve the hot set, when it may not, and which of its shards. */
export interface LeaseKeeper {
  /**
   * Entries of these links were just changed or removed because the links changed, and that is being sent: their shards are withheld, by a
   * small message ahead of the large one, until every Envoy has the new entries.
   */
  corrected(links: readonly LinkKey[]): void;
  /** Renews, withdraws or grants the lease. Call it when Watch starts over, and otherwise after restMs. */
  tick(): void;
  /** Milliseconds until the next tick is due. A correction makes it sooner. */
  readonly restMs: number;
  /** Duration of the lease from its last renewal, in milliseconds; 0: withdrawn. */
  readonly ttlMs: number;
  /** For how long it has been granted, or withdrawn, in milliseconds. */
  readonly stateAgeMs: number;
  readonly withheldShards: number;
  withholds(shard: string): boolean;
}

/** No edge serves what has been out of date for longer than this, whatever fails. */
export const leaseMs = 2_000;
/**
 * What a renewal may take to reach Envoy: as long as a push, if Envoy's main thread is building a hot set. Beyond the maximum too little
 * would be left of a lease to renew it in time.
 */
const way = { leastMs: 150, mostMs: 1_000 } as const;
const renewMs = 250;
/** The least remaining time worth granting: a lease that ends before its renewal would turn all hot links cold and hot again each time. */
const leastLeftMs = 2 * renewMs;
/** How often to check whether the lease may be granted, or a shard released. */
const lookMs = 25;
/** The shortest time for which a withdrawn lease stays withdrawn: each change between hot and cold is a step in the load of the resolvers. */
const calmMs = 500;

type Reason = 'resynchronising' | 'silent';

const withdrawals = counter(metric.leaseWithdrawals);

/** docs/decisions/0015-hot-set.md has the arithmetic. */
export function createLeaseKeeper({ hotSet, ageMs, settled, now, log }: LeaseKeeperOptions): LeaseKeeper {
  /** By shard: the hot set version that an Envoy needs to be right about it. */
  const withheld = new Map<string, bigint>();
  let ttlMs = 0;
  let renewAt = 0;
  let withdrawnAt = Number.NEGATIVE_INFINITY;
  let changedAt = now();

  /** Returns whether any shard was released. */
  function release(): boolean {
    const before = withheld.size;
    if (before === 0) return false;
    // Also undefined while no Envoy is connected: the next one may get a set from before the change.
    const { acknowledgedVersion } = hotSet.status();
    if (acknowledgedVersion === undefined) return false;
    for (const [shard, version] of withheld) if (version <= acknowledgedVersion) withheld.delete(shard);
    return withheld.size < before;
  }

  function leftMs(): number {
    const wayMs = Math.min(way.mostMs, Math.max(way.leastMs, hotSet.status().slowestPushMs));
    return Math.floor(leaseMs - wayMs - ageMs());
  }

  function objection(): Reason | undefined {
    if (!settled()) return 'resynchronising';
    return leftMs() > (ttlMs === 0 ? leastLeftMs : 0) ? undefined : 'silent';
  }

  function withdraw(reason: Reason): void {
    if (ttlMs === 0) return;
    hotSet.setLease(undefined);
    ttlMs = 0;
    withdrawnAt = now();
    changedAt = withdrawnAt;
    withdrawals.add(1, { reason });
    log.info({ reason }, 'the lease of the hot set is withdrawn');
  }

  function grant(): void {
    ttlMs = leftMs();
    // A lease with little time left is renewed before its end, or withdrawn then: it expires by itself only if this process is gone.
    renewAt = now() + Math.min(renewMs, ttlMs / 2);
    hotSet.setLease(ttlMs, new Set(withheld.keys()));
  }

  function tick(): void {
    const released = release();
    const reason = objection();
    if (reason) {
      withdraw(reason);
      return;
    }
    const withdrawn = ttlMs === 0;
    if (withdrawn && now() - withdrawnAt < calmMs) return;
    if (withdrawn) changedAt = now();
    if (withdrawn || released || now() >= renewAt) grant();
  }

  return {
    tick,
    get restMs() {
      if (ttlMs === 0 || withheld.size > 0) return lookMs;
      // A held and complete lease needs nothing before its renewal or its end. Rounded up: a timer set to a fraction fires early, and would
      // have to be set again.
      return Math.max(1, Math.ceil(Math.min(renewAt - now(), leftMs())));
    },
    corrected(links) {
      const { version } = hotSet.status();
      for (const { code } of links) withheld.set(shardOf(code), version);
      if (ttlMs === 0) return;
      const reason = objection();
      if (reason) withdraw(reason);
      else grant();
    },
    get ttlMs() {
      return ttlMs;
    },
    get stateAgeMs() {
      return now() - changedAt;
    },
    get withheldShards() {
      return withheld.size;
    },
    withholds: (shard) => withheld.has(shard),
  };
}
