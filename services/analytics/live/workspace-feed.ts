import { setTimeout as sleep } from 'node:timers/promises';
import { unavailable } from '#runtime/errors/errors.ts';
import { storeError } from '#runtime/postgres/pool.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { createWakeup } from '#runtime/time/wakeup.ts';
import type { Counted, WorkspaceCountsStore } from '../statistics/workspace/workspace-store.ts';
import type { Counts } from '../store.ts';

interface FeedOptions {
  readonly store: WorkspaceCountsStore;
  readonly log: Log;
  readonly pollMs?: number;
  /** The greatest age of counts that are still sent. */
  readonly staleMs?: number;
}

/** The newest counts of a workspace; those not taken in time are replaced. */
export interface CountsSubscription {
  /** The newest counts, as soon as they differ from those taken before; undefined when nothing changed in time. */
  take(waitMs: number): Promise<Counts | undefined>;
  /** The counts as last read. */
  readonly latest: Counts;
  /** Ends it with an error. */
  fail(error: unknown): void;
  close(): void;
}

/**
 * Counts the follows of a workspace's links. What is stored is queried: one statement for all watchers of this process, twice a second,
 * over the hours since each one's start. Nothing is written for it, and without watchers there is no loop.
 */
export interface WorkspaceFeed {
  subscribe(counted: Counted): Promise<CountsSubscription>;
  stop(): Promise<void>;
}

interface Watcher extends CountsSubscription {
  readonly counted: Counted;
  push(counts: Counts): void;
}

export function createWorkspaceFeed({ store, log, pollMs = 500, staleMs = 20_000 }: FeedOptions): WorkspaceFeed {
  const watchers = new Set<Watcher>();
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  async function look(): Promise<void> {
    const byQuestion = Map.groupBy(watchers, ({ counted }) => `${counted.workspaceId} ${counted.sinceUs}`);
    const groups = [...byQuestion.values()];
    const counts = await store.countsSince(groups.flatMap(([first]) => first?.counted ?? []));
    for (const [index, group] of groups.entries()) {
      const read = counts[index];
      if (read) for (const watcher of group) watcher.push(read);
    }
  }

  async function loop(): Promise<void> {
    let readAt = performance.now();
    let failing = false;
    while (watchers.size > 0 && !stopping.signal.aborted) {
      await sleep(pollMs, undefined, { signal: stopping.signal }).catch(() => {});
      try {
        await look();
        readAt = performance.now();
        failing = false;
      } catch (error) {
        if (!failing) log.warn({ err: error }, 'counts cannot be told to those who watch');
        failing = true;
        if (performance.now() - readAt > staleMs) for (const watcher of watchers) watcher.fail(storeError(error));
      }
    }
    running = undefined;
  }

  return {
    async subscribe(counted) {
      const [first] = await store.countsSince([counted]).catch((error: unknown) => {
        throw storeError(error);
      });
      if (!first) throw new Error('No counts were answered.');
      const watcher = createWatcher(counted, first, () => watchers.delete(watcher));
      watchers.add(watcher);
      running ??= loop();
      return watcher;
    },
    async stop() {
      stopping.abort();
      for (const watcher of watchers) watcher.fail(unavailable('SHUTTING_DOWN', 'This process is shutting down.', 0));
      await running;
    },
  };
}

function createWatcher(counted: Counted, first: Counts, onClose: () => void): Watcher {
  let latest = first;
  let changed = true;
  let fault: { readonly error: unknown } | undefined;
  const wakeup = createWakeup();

  const fail = (error: unknown): void => {
    fault ??= { error };
    wakeup.wake();
  };

  return {
    counted,
    get latest() {
      return latest;
    },
    push(counts) {
      if (isSame(latest, counts)) return;
      latest = counts;
      changed = true;
      wakeup.wake();
    },
    async take(waitMs) {
      if (!fault && !changed) await wakeup.wait(waitMs);
      if (fault) throw fault.error;
      if (!changed) return undefined;
      changed = false;
      return latest;
    },
    fail,
    close() {
      onClose();
      fail(new Error('The subscription is closed.'));
    },
  };
}

function isSame(a: Counts, b: Counts): boolean {
  return a.clicks === b.clicks && a.visitors === b.visitors && a.bots === b.bots;
}
