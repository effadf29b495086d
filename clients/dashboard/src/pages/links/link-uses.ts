import type { Link } from '#gen/link/v1/link_pb.ts';

const count = new Intl.NumberFormat();

/** How many visits a link with a limit has left; undefined: it has none. */
export function visitsLeft({ maxClicks, usedClicks = 0 }: Link): string | undefined {
  if (maxClicks === undefined) return undefined;
  const left = Math.max(0, maxClicks - usedClicks);
  return `${count.format(left)} of ${count.format(maxClicks)} ${maxClicks === 1 ? 'visit' : 'visits'} left`;
}
