import { setTimeout as sleep } from 'node:timers/promises';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { carryOut, linksAtOnce } from '../takedowns/carry-out.ts';
import type { Takedowns, Touched } from '../takedowns/takedowns.postgres.ts';
import type { ClosedWorkspaces } from './closed-workspaces.postgres.ts';

export interface LinkDeletionSettings {
  readonly workspaces: Pick<ClosedWorkspaces, 'deleteLinks'>;
  readonly takedowns: Pick<Takedowns, 'ruleOn' | 'hasEarlierWriters' | 'linksUnder'>;
  /** Called after every transaction that wrote change records. */
  readonly committed: () => void;
  /** Between two full batches (default 250). */
  readonly pauseMs?: number;
}

const changes = counter(metric.linkChanges);

/** Deletes all links of a closed workspace, and returns how many there were. What is left when the signal is aborted is for a later run. */
export function createLinkDeletion(settings: LinkDeletionSettings, signal: AbortSignal) {
  const { workspaces, takedowns, committed, pauseMs = 250 } = settings;
  const inTurn = createTurns(pauseMs, signal);

  const tell = (touched: Touched): void => {
    committed();
    changes.add(touched.length, { kind: 'delete' });
    signal.throwIfAborted();
  };

  return async (workspaceId: string): Promise<number> => {
    const ruling = { subject: `workspace:${workspaceId}`, stands: true, reason: '', dryRun: false } as const;
    const settle: Takedowns['settle'] = (_ruling, keys) => {
      const deleted = () => workspaces.deleteLinks(workspaceId, keys);
      // A few links need not wait for their turn.
      return keys.length < linksAtOnce ? deleted() : inTurn(deleted);
    };
    const hasEarlierWriters = (since: string): Promise<boolean> => {
      signal.throwIfAborted();
      return takedowns.hasEarlierWriters(since);
    };
    // First what exists, without waiting for anyone; then what was being created meanwhile.
    const withoutWaiting = { ...takedowns, settle, hasEarlierWriters: async () => false };
    const atOnce = await carryOut(withoutWaiting, ruling, { tell, pauseMs });
    return atOnce + (await carryOut({ ...takedowns, settle, hasEarlierWriters }, ruling, { tell, pauseMs }));
  };
}

/** One batch after another, with a pause after each that deleted something: large workspaces deleted at the same time share one pace. */
function createTurns(pauseMs: number, signal: AbortSignal) {
  let last: Promise<unknown> = Promise.resolve();
  return (deleteBatch: () => Promise<Touched>): Promise<Touched> => {
    const batch = last.then(() => {
      signal.throwIfAborted();
      return deleteBatch();
    });
    last = batch.then((touched) => touched.length > 0 && sleep(pauseMs, undefined, { signal })).catch(() => {});
    return batch;
  };
}
