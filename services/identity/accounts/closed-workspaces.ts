import type { Log } from '#runtime/telemetry/log.ts';
import { observe } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { startWorkLoop, type WorkLoop, workThrough } from '#runtime/time/work-loop.ts';
import type { DeletionStore } from '../store.ts';

interface HandoverOptions {
  readonly store: Pick<DeletionStore, 'findClosedWorkspaces' | 'forgetClosedWorkspace'>;
  /** Resolves when the link service has recorded that it closes the workspace; safe to repeat. */
  readonly close: (workspaceId: string, signal: AbortSignal) => Promise<unknown>;
  readonly log: Log;
  readonly everyMs?: number;
}

const atOnce = 100;

/**
 * Tells the link service which workspaces are closed, until it confirms. A workspace is forgotten here only after that, so one whose answer
 * was lost is sent again. Safe in many processes at once.
 */
export function startHandover({ store, close, log, everyMs = 5_000 }: HandoverOptions): WorkLoop {
  /** Since when at least one has been waiting, as far as this process has seen. */
  let waitingSince: number | undefined;
  const unobserve = observe(metric.closedWorkspacesAge, { service: 'identity' }, () =>
    waitingSince === undefined ? 0 : (Date.now() - waitingSince) / 1_000,
  );

  async function handOver(id: string, signal: AbortSignal): Promise<void> {
    await close(id, signal);
    await store.forgetClosedWorkspace(id);
    log.info({ workspace_id: id }, 'the link service closes a workspace');
  }

  const loop = startWorkLoop({
    async work(signal) {
      const ids = await store.findClosedWorkspaces(atOnce);
      waitingSince = ids.length === 0 ? undefined : (waitingSince ?? Date.now());
      await workThrough(ids, signal, (id) => handOver(id, signal));
      if (ids.length < atOnce) waitingSince = undefined;
    },
    onFault: (error) => log.warn({ err: error }, 'closed workspaces wait for the link service; it is told again'),
    everyMs,
  });
  return {
    wake: loop.wake,
    async stop() {
      unobserve();
      await loop.stop();
    },
  };
}
