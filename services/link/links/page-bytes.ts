import type { LinkRecord } from '#gen/link/v1/change_pb.ts';

/** Envoy cannot pass on more of a response than its buffers hold. */
export const largestPageBytes = 1_048_576;

/** Of a link in JSON, besides its texts. */
export const leastJsonBytes = 700;

/** Approximate size of the link in JSON, where a character may take six bytes. */
export function jsonBytesOf({ destination, title, code, tags }: LinkRecord): number {
  const text = title.length + 2 * code.length + tags.reduce((sum, tag) => sum + tag.length + 3, 0);
  return leastJsonBytes + Buffer.byteLength(destination) + 6 * text;
}
