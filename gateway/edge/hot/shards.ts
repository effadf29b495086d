/** The path of a hot link, as Envoy sees it. The other path, /r/{code}, is always cold: it would double the size. */
export const pathOf = (code: string): string => `/${encodeURIComponent(code)}`;

/**
 * The shards of the hot set: links by the first character of the path after the slash (`%`: a code outside ASCII). Each has its own runtime
 * key, so when one link is out of date, a small message turns its shard cold and the others stay hot.
 */
export const shards: readonly string[] = [
  ...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
  ...'-_%',
];

export const shardOf = (code: string): string => pathOf(code).charAt(1);

/** The runtime key of a shard's lease: 100 while Envoy may serve it, otherwise 0 or absent. */
export const leaseKeyOf = (shard: string): string => `hop.edge.hot.${shard}`;
