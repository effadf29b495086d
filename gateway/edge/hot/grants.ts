import type { Log } from '#runtime/telemetry/log.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { HotSet } from './entry.ts';

export interface GrantsOptions {
  readonly hotSet: Pick<HotSet, 'setLease' | 'status'>;
  /** How old what Watch has told is, in milliseconds (runtime/watch/watch-age.ts). */
  readonly ageMs: () => number;
  /** Every entry is as new as what Watch has told. */
  readonly settled: () => boolean;
  readonly now: () => number;
  readonly log: Log;
}

/** Decides for how long Envoy may serve the hot set, and when it may not. */
export interface Grants {
  /** So many entries were just changed or taken out because their links were: an Envoy that has not got that is wrong. */
  corrected(entries: number): void;
  /** Renews, withdraws or grants again. To be called some forty times a second. */
  tick(): void;
  /** Milliseconds from the last renewal on; 0: withdrawn. */
  readonly ttlMs: number;
  /** For how long it has been granted, or withdrawn, in milliseconds. */
  readonly stateAgeMs: number;
}

/** No edge serves what was true longer ago than this, whatever dies. */
export const leaseMs = 2_000;
/** What a renewal may take to reach Envoy, whose main thread may be building a hot set: about 100 ms for 10,000 entries. */
const wayMs = 150;
const renewMs = 250;
/**
 * A correction that Envoy has not got by then is not waited for. Envoy does one thing after the other: while it builds a set,
 * it does not hear that the lease is over. So where the last push took longer, the lease goes before the next correction.
 */
const acknowledgeMs = 150;
/** More corrections at a time than this are a storm: the lease goes first, at the cost of a small message. */
const stormEntries = 200;
/** How long a withdrawn lease stays so at least: each change between hot and cold is a step in the load of the resolvers. */
const calmMs = 500;

type Reason = 'resynchronising' | 'silent' | 'storm' | 'slow' | 'unacknowledged';

const withdrawals = counter(metric.leaseWithdrawals);

/** docs/decisions/0015-hot-set.md has the arithmetic. */
export function createGrants({ hotSet, ageMs, settled, now, log }: GrantsOptions): Grants {
  /** Corrections that not every Envoy has, the oldest first. */
  let waiting: { readonly version: bigint; readonly at: number; readonly entries: number }[] = [];
  let ttlMs = 0;
  let renewAt = 0;
  let withdrawnAt = Number.NEGATIVE_INFINITY;
  let changedAt = now();

  function arrived(): void {
    const { acknowledgedVersion, connected } = hotSet.status();
    // An Envoy that connects later gets no lease before it has the set of that moment.
    if (connected === 0) waiting = [];
    else if (acknowledgedVersion !== undefined)
      waiting = waiting.filter(({ version }) => version > acknowledgedVersion);
  }

  function objection(leftMs: number): Reason | undefined {
    if (!settled()) return 'resynchronising';
    if (leftMs <= 0) return 'silent';
    if (waiting.reduce((sum, { entries }) => sum + entries, 0) > stormEntries) return 'storm';
    const oldest = waiting[0];
    return oldest && now() - oldest.at > acknowledgeMs ? 'unacknowledged' : undefined;
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

  function tick(): void {
    if (waiting.length > 0) arrived();
    const leftMs = Math.floor(leaseMs - wayMs - ageMs());
    const reason = objection(leftMs);
    if (reason) {
      withdraw(reason);
      return;
    }
    const withdrawn = ttlMs === 0;
    if (withdrawn && (waiting.length > 0 || now() - withdrawnAt < calmMs)) return;
    if (!withdrawn && now() < renewAt) return;
    ttlMs = leftMs;
    if (withdrawn) changedAt = now();
    renewAt = now() + renewMs;
    hotSet.setLease(leftMs);
  }

  return {
    tick,
    corrected(entries) {
      const { version, lastPushMs = 0 } = hotSet.status();
      waiting.push({ version, at: now(), entries });
      if (objection(1) === 'storm') withdraw('storm');
      else if (lastPushMs > acknowledgeMs) withdraw('slow');
    },
    get ttlMs() {
      return ttlMs;
    },
    get stateAgeMs() {
      return now() - changedAt;
    },
  };
}
