import { observe } from '../telemetry/metrics.ts';
import { metric } from '../telemetry/schema.ts';
import type { WatchAge } from './watch-age.ts';

/**
 * The clock by which links expire, in milliseconds since 1970: this host's, or the primary's, as reported by Watch, if that is ahead. A
 * link's end is set and announced by the primary's clock; a host whose clock is slow would let it be followed for longer.
 */
export function createLinkClock({ primaryMs }: Pick<WatchAge, 'primaryMs'>, hostMs = Date.now): () => number {
  observe(metric.clockAhead, {}, () => {
    const aheadMs = primaryMs() - hostMs();
    return Number.isFinite(aheadMs) ? aheadMs / 1_000 : 0;
  });
  return () => Math.max(hostMs(), primaryMs());
}
