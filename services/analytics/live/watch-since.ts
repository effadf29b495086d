import { invalid } from '#runtime/errors/errors.ts';
import { floorTo } from '../statistics/cover.ts';

const furthestUs = 48 * 3_600_000_000;
/** How far a caller's clock may be ahead of ours. */
const clockSlackUs = 60_000_000;

/** The hour from which a workspace's clicks are counted for a watcher, in microseconds since 1970. */
export function sinceOf(asked: number | undefined, now: number): number {
  if (asked === undefined) return floorTo('day', now);
  if (asked > now + clockSlackUs) throw invalid('since', 'is in the future', 'RANGE_INVALID');
  if (asked < now - furthestUs) throw invalid('since', 'is more than 48 hours ago', 'RANGE_INVALID');
  return floorTo('hour', asked);
}
