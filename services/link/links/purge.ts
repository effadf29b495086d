import type { Log } from '#runtime/telemetry/log.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { LinkStore } from '../store.ts';
import { undeleteDays } from './links.ts';

export interface PurgeSettings {
  readonly store: Pick<LinkStore, 'findPurgeable' | 'purge'>;
  /** Resolves when nothing is left of the clicks of these links (at most 1,000), nor will be. */
  readonly eraseClicks: (linkIds: readonly string[], signal: AbortSignal) => Promise<unknown>;
  readonly log: Log;
}

/** An hour more than a link can be restored: one who does it in the last moment is not overtaken. */
const purgeAfterMs = undeleteDays * 86_400_000 + 3_600_000;
const changes = counter(metric.linkChanges);

/**
 * Purges the links that were deleted so long ago that nobody can restore them; answers how many it found. Their clicks go
 * first: a link that is gone names nobody whose clicks are still to be erased. Safe in many processes at once.
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
