import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { unavailable } from '#runtime/errors/errors.ts';
import { storeError } from '#runtime/postgres/pool.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { LivePositions, LiveStore } from '../store.ts';
import { createSubscription, type Subscription } from './live-subscription.ts';
import { createWatchLease } from './watch-lease.ts';

interface FeedOptions {
  readonly store: LiveStore;
  readonly log: Log;
  readonly pollMs?: number;
  /** How long the store passes on clicks for a process that no longer renews its request. */
  readonly leaseMs?: number;
  /** How long clicks that were passed on are kept; every process reads them within its lease. */
  readonly keepMs?: number;
  /** How many clicks may wait for one watcher. */
  readonly queueLimit?: number;
}

/**
 * Sends watchers what is counted, whichever process counts it: the transaction that stores clicks puts those of watched links into a table,
 * and one loop per process reads it. Without watchers there is no loop and nothing in the table.
 */
export interface LiveFeed {
  /** Once it resolves, every click from then on will be delivered. */
  subscribe(linkId: string): Promise<Subscription>;
  stop(): Promise<void>;
}

export function createLiveFeed(options: FeedOptions): LiveFeed {
  const { store, log, pollMs = 250, leaseMs = 30_000, keepMs = 60_000, queueLimit = 5_000 } = options;
  const watcher = randomUUID();
  const subscriptions = new Set<Subscription>();
  const stopping = new AbortController();
  let positions: Promise<LivePositions> | undefined;
  let running: Promise<void> = Promise.resolve();

  const watched = (): string[] => [...subscriptions].map(({ linkId }) => linkId);
  const failAll = (error: unknown): void => {
    for (const subscription of subscriptions) subscription.fail(error);
  };

  async function look(since: LivePositions): Promise<{ positions: LivePositions; more: boolean }> {
    const found = await store.liveSince(since);
    if (found === 'replaced') {
      // A watcher that comes once these are known misses nothing after them.
      const anew = await store.livePositions();
      log.warn({ primary: anew.primary }, 'there is another primary; every watcher begins anew');
      failAll(lapsed());
      return { positions: anew, more: false };
    }
    for (const delivery of found.deliveries) {
      for (const subscription of subscriptions) {
        if (subscription.linkId === delivery.linkId) subscription.push(delivery);
      }
      // Lets fast watchers take these before the next ones come.
      await nextTurn();
    }
    return found;
  }

  async function loop(start: LivePositions): Promise<void> {
    let since = start;
    const lease = createWatchLease({ store, watcher, watched, leaseMs, keepMs });
    let failing = false;
    let more = false;
    while (subscriptions.size > 0 && !stopping.signal.aborted) {
      // What is already waiting is read at once: it is deleted after its time, read or not.
      if (!more) await sleep(pollMs, undefined, { signal: stopping.signal }).catch(() => {});
      const now = performance.now();
      // Neither an unavailable database nor a paused process may cause silent gaps.
      if (lease.isLate(now)) failAll(lapsed());
      try {
        ({ positions: since, more } = await look(since));
        await lease.renew(now);
        failing = false;
      } catch (error) {
        more = false;
        if (!failing) log.warn({ err: error }, 'clicks cannot be told to those who watch');
        failing = true;
      }
    }
    // Immediately: a watcher that comes now starts its own loop.
    positions = undefined;
  }

  /** Starts the loop if there is none; the position to read from is known before the first lease is requested. */
  async function begin(): Promise<void> {
    if (!positions) {
      positions = store.livePositions();
      running = positions.then(loop, () => {
        positions = undefined;
      });
    }
    await positions;
  }

  return {
    async subscribe(linkId) {
      const subscription = createSubscription(linkId, queueLimit, () => subscriptions.delete(subscription));
      subscriptions.add(subscription);
      try {
        await begin();
        await store.watch(watcher, [linkId], leaseMs);
      } catch (error) {
        subscription.close();
        throw storeError(error);
      }
      return subscription;
    },
    async stop() {
      stopping.abort();
      failAll(unavailable('SHUTTING_DOWN', 'This process is shutting down.', 0));
      await running;
    },
  };
}

function lapsed(): Error {
  return unavailable('DEPENDENCY_UNAVAILABLE', 'Clicks may have been left out; start again.', 1_000);
}
