import type { Log } from '#runtime/telemetry/log.ts';
import { observe } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { startWorkLoop, workThrough } from '#runtime/time/work-loop.ts';
import type { ClosedWorkspace, ClosedWorkspaces } from './closed-workspaces.postgres.ts';
import { createLinkDeletion, type LinkDeletionSettings } from './link-deletion.ts';

/** Closes workspaces for good. What a process leaves unfinished when it dies is finished by another. */
export interface Closing {
  /** Resolves once it is recorded. */
  close(workspaceId: string): Promise<void>;
  stop(): Promise<void>;
}

interface ClosingSettings extends LinkDeletionSettings {
  readonly workspaces: ClosedWorkspaces;
  /** Resolves when none of the workspace's clicks are left, and none can come. */
  readonly eraseClicks: (workspaceId: string, signal: AbortSignal) => Promise<unknown>;
  readonly log: Log;
  readonly everyMs?: number;
  readonly settledAfterMs?: number;
}

/** Deletions started directly by the call; further ones wait for the loop, which takes one after the other. */
const deletionsAtOnce = 8;
/**
 * Longer than any credential of the workspace that was valid when it was closed: a link restored with one meanwhile, though still taken
 * down, is deleted again after this.
 */
const defaultSettledAfterMs = 20 * 60_000;

export function startClosing(settings: ClosingSettings): Closing {
  const { workspaces, eraseClicks, log, everyMs = 10_000, settledAfterMs = defaultSettledAfterMs } = settings;

  const stopping = new AbortController();
  const deleteLinks = createLinkDeletion(settings, stopping.signal);
  /** Deletions in progress, by workspace. */
  const deletions = new Map<string, Promise<void>>();
  /** When the first workspace with links or clicks left was closed, as of the last look. */
  let undoneSince: number | undefined;
  const unobserve = observe(metric.closedWorkspacesAge, { service: 'link' }, () =>
    undoneSince === undefined ? 0 : (Date.now() - undoneSince) / 1_000,
  );

  function deleteLinksOf(workspaceId: string): Promise<void> {
    const begun = deletions.get(workspaceId);
    if (begun) return begun;
    const deletion = deleteAndTell(workspaceId).finally(() => deletions.delete(workspaceId));
    deletions.set(workspaceId, deletion);
    return deletion;
  }

  async function deleteAndTell(workspaceId: string): Promise<void> {
    const links = await deleteLinks(workspaceId);
    await workspaces.markLinksDeleted(workspaceId);
    log.info({ workspace_id: workspaceId, links }, 'the links of a closed workspace are deleted');
    erasing.wake();
  }

  async function proceed(
    signal: AbortSignal,
    isOurs: (due: ClosedWorkspace) => boolean,
    step: (due: ClosedWorkspace) => Promise<void>,
  ): Promise<void> {
    const due = await workspaces.findDue(settledAfterMs);
    const oldest = due.find(({ next }) => next !== 'last look');
    undoneSince = oldest && Date.now() - oldest.closedMsAgo;
    await workThrough(due.filter(isOurs), signal, step);
  }

  const onFault = (error: unknown): void => log.warn({ err: error }, 'closing a workspace will be tried again');
  // Two loops, because erasing may take long, or wait for analytics: links must not stay up for that.
  const erasing = startWorkLoop({
    work: (signal) =>
      proceed(
        signal,
        ({ next }) => next === 'clicks',
        async ({ workspaceId }) => {
          await eraseClicks(workspaceId, signal);
          await workspaces.markErased(workspaceId);
          log.info({ workspace_id: workspaceId }, 'the clicks of a closed workspace are erased');
        },
      ),
    onFault,
    everyMs,
  });
  const deleting = startWorkLoop({
    work: (signal) =>
      proceed(
        signal,
        ({ next }) => next !== 'clicks',
        async ({ workspaceId, next }) => {
          await deleteLinksOf(workspaceId);
          if (next === 'last look') await workspaces.forget(workspaceId);
        },
      ),
    onFault,
    everyMs,
  });

  return {
    async close(workspaceId) {
      await workspaces.close(workspaceId);
      // A large workspace in the loop must not delay the deletion of this one's links.
      if (deletions.size < deletionsAtOnce) deleteLinksOf(workspaceId).catch(() => {});
      deleting.wake();
    },
    async stop() {
      stopping.abort();
      unobserve();
      await Promise.all([deleting.stop(), erasing.stop()]);
      await Promise.allSettled(deletions.values());
    },
  };
}
