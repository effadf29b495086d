import type { Link } from '#gen/link/v1/link_pb.ts';
import { count } from '../../charts/numbers.ts';

/** What is left of a link's limit of visits, in a word or two and in full; undefined: it has none. */
export function visitsLeft({ maxClicks, usedClicks = 0 }: Link): { short: string; full: string } | undefined {
  if (maxClicks === undefined) return undefined;
  const left = count(Math.max(0, maxClicks - usedClicks));
  const full = `${left} of ${count(maxClicks)} ${maxClicks === 1 ? 'visit' : 'visits'} left`;
  return { short: `${left} left`, full };
}
