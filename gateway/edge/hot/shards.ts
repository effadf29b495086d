/** The path at which a hot link is followed, as Envoy sees it. The other one, /r/{code}, is cold: it would take as much again. */
export const pathOf = (code: string): string => `/${encodeURIComponent(code)}`;

/**
 * The shards of the hot set: links by the first character of the path after the slash (`%`: a code outside ASCII). Each has a
 * runtime key of its own, so where one link is not right any more, a small message turns its shard cold and the others stay hot.
 */
export const shards: readonly string[] = [
  ...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
  ...'-_%',
];

export const shardOf = (code: string): string => pathOf(code).charAt(1);

/** The runtime key of a shard's lease: 100 while Envoy may serve it, else 0 or not there. */
export const leaseKeyOf = (shard: string): string => `hop.edge.hot.${shard}`;
