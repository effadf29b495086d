import type { Log } from '#runtime/telemetry/log.ts';
import { startWorkLoop, type WorkLoop } from '#runtime/time/work-loop.ts';
import type { DeletionStore } from '../store.ts';

interface HandoverOptions {
  readonly store: Pick<DeletionStore, 'findClosedWorkspaces' | 'forgetClosedWorkspace'>;
  /** Resolves when the link service has written down that it closes the workspace; may be asked again. */
  readonly close: (workspaceId: string, signal: AbortSignal) => Promise<unknown>;
  readonly log: Log;
  readonly everyMs?: number;
}

const atOnce = 100;

/**
 * Tells the link service which workspaces are closed, until it knows. A workspace is forgotten here only after that, so one whose answer
 * was lost is told again. Safe in many processes at once.
 */
export function startHandover({ store, close, log, everyMs = 5_000 }: HandoverOptions): WorkLoop {
  return startWorkLoop({
    async work(signal) {
      for (const id of await store.findClosedWorkspaces(atOnce)) {
        await close(id, signal);
        await store.forgetClosedWorkspace(id);
        log.info({ workspace_id: id }, 'the link service closes a workspace');
      }
    },
    onFault: (error) => log.warn({ err: error }, 'closed workspaces wait for the link service; it is told again'),
    everyMs,
  });
}
