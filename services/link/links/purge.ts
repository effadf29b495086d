import type { Log } from '#runtime/telemetry/log.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { LinkStore } from '../store.ts';
import { undeleteDays } from './links.ts';

export interface PurgeSettings {
  readonly store: Pick<LinkStore, 'findPurgeable' | 'purge'>;
  /** Resolves when none of the clicks of these links (at most 1,000) are left, and none can come. */
  readonly eraseClicks: (linkIds: readonly string[], signal: AbortSignal) => Promise<unknown>;
  readonly log: Log;
}

/** An hour longer than a link can be restored, so that a restore in the last moment is not overtaken. */
const purgeAfterMs = undeleteDays * 86_400_000 + 3_600_000;
const changes = counter(metric.linkChanges);

/**
 * Purges the links that were deleted too long ago to be restored; returns how many it found. Their clicks go first: once the link is gone,
 * nothing says whose clicks have yet to be erased. Safe in many processes at once.
 */
export function createPurge({ store, eraseClicks, log }: PurgeSettings) {
  return async (limit: number, signal: AbortSignal): Promise<number> => {
    const links = await store.findPurgeable(purgeAfterMs, limit);
    if (links.length === 0) return 0;
    await eraseClicks(
      links.map(({ id }) => id),
      signal,
    );
    let purged = 0;
    for (const link of links) if (!signal.aborted && (await store.purge(link, purgeAfterMs))) purged++;
    changes.add(purged, { kind: 'purge' });
    log.info({ purged }, 'links that were deleted long ago are gone for good');
    return links.length;
  };
}
