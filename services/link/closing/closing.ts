import type { Log } from '#runtime/telemetry/log.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { startWorkLoop } from '#runtime/time/work-loop.ts';
import { carryOut } from '../takedowns/carry-out.ts';
import type { Takedowns, Touched } from '../takedowns/takedowns.postgres.ts';
import type { ClosedWorkspace, ClosedWorkspaces } from './closed-workspaces.postgres.ts';

/** Closes workspaces for good. What a process leaves undone, whenever it dies, another one does. */
export interface Closing {
  /** Resolves once it is written down. */
  close(workspaceId: string): Promise<void>;
  stop(): Promise<void>;
}

interface ClosingSettings {
  readonly workspaces: ClosedWorkspaces;
  readonly takedowns: Pick<Takedowns, 'ruleOn' | 'hasEarlierWriters' | 'linksUnder'>;
  /** Resolves when nothing is left of the workspace's clicks, nor will be. */
  readonly eraseClicks: (workspaceId: string, signal: AbortSignal) => Promise<unknown>;
  /** Called after every transaction that wrote change records. */
  readonly committed: () => void;
  readonly log: Log;
  readonly everyMs?: number;
  readonly pauseMs?: number;
  readonly settledAfterMs?: number;
}

const workspacesAtOnce = 100;
/** Of those that are begun with the call; more than these wait for the loop, which takes one after the other. */
const deletionsAtOnce = 8;
/**
 * Longer than any credential of the workspace that was good when it was closed: what was restored with one meanwhile, which is down all the
 * same, is deleted again after this.
 */
const defaultSettledAfterMs = 20 * 60_000;
const changes = counter(metric.linkChanges);

export function startClosing(settings: ClosingSettings): Closing {
  const { workspaces, takedowns, eraseClicks, committed, log, everyMs = 10_000, pauseMs } = settings;
  const { settledAfterMs = defaultSettledAfterMs } = settings;

  const stopping = new AbortController();
  /** What is under way, by the workspace. */
  const deletions = new Map<string, Promise<number>>();

  function deleteLinksOf(workspaceId: string): Promise<number> {
    const begun = deletions.get(workspaceId);
    if (begun) return begun;
    const deletion = deleteAll(workspaceId).finally(() => deletions.delete(workspaceId));
    deletions.set(workspaceId, deletion);
    return deletion;
  }

  async function deleteAll(workspaceId: string): Promise<number> {
    const { signal } = stopping;
    const tell = (touched: Touched): void => {
      committed();
      changes.add(touched.length, { kind: 'delete' });
      // The rest is left to whoever goes on with it.
      signal.throwIfAborted();
    };
    const pace = { tell, ...(pauseMs === undefined ? {} : { pauseMs }) };
    const ruling = { subject: `workspace:${workspaceId}`, stands: true, reason: '', dryRun: false } as const;
    const settle: Takedowns['settle'] = (_ruling, keys) => workspaces.deleteLinks(workspaceId, keys);
    const hasEarlierWriters = (since: string): Promise<boolean> => {
      signal.throwIfAborted();
      return takedowns.hasEarlierWriters(since);
    };
    // First what is there, without waiting for anybody; then what was being made meanwhile.
    const atOnce = await carryOut({ ...takedowns, settle, hasEarlierWriters: async () => false }, ruling, pace);
    return atOnce + (await carryOut({ ...takedowns, settle, hasEarlierWriters }, ruling, pace));
  }

  async function proceed({ workspaceId, isErased }: ClosedWorkspace, signal: AbortSignal): Promise<void> {
    const links = await deleteLinksOf(workspaceId);
    if (isErased) await workspaces.forget(workspaceId);
    else {
      await eraseClicks(workspaceId, signal);
      await workspaces.markErased(workspaceId);
    }
    log.info({ workspace_id: workspaceId, links }, isErased ? 'a workspace is closed' : 'a workspace was erased');
  }

  const loop = startWorkLoop({
    async work(signal) {
      const faults: unknown[] = [];
      // One that cannot be closed now must not keep those after it.
      for (const due of await workspaces.findDue(settledAfterMs, workspacesAtOnce)) {
        signal.throwIfAborted();
        await proceed(due, signal).catch((error: unknown) => faults.push(error));
      }
      if (faults.length > 0) throw faults[0];
    },
    onFault: (error) => log.warn({ err: error }, 'closing a workspace will be tried again'),
    everyMs,
  });

  return {
    async close(workspaceId) {
      await workspaces.close(workspaceId);
      // A large workspace that the loop is at must not keep the followers of this one waiting.
      if (deletions.size < deletionsAtOnce) deleteLinksOf(workspaceId).catch(() => {});
      loop.wake();
    },
    async stop() {
      stopping.abort();
      await loop.stop();
      await Promise.allSettled(deletions.values());
    },
  };
}
