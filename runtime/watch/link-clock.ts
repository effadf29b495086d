import { observe } from '../telemetry/metrics.ts';
import { metric } from '../telemetry/schema.ts';
import type { WatchAge } from './watch-age.ts';

/**
 * The clock by which links end, in milliseconds since 1970: this host's, or the primary's where that is ahead, as Watch tells of it.
 * A link's end is set, and announced, by the primary's; a host that is slow would let it be followed for longer.
 */
export function createLinkClock({ primaryMs }: Pick<WatchAge, 'primaryMs'>, hostMs = Date.now): () => number {
  observe(metric.clockAhead, {}, () => {
    const aheadMs = primaryMs() - hostMs();
    return Number.isFinite(aheadMs) ? aheadMs / 1_000 : 0;
  });
  return () => Math.max(hostMs(), primaryMs());
}
