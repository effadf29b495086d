import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';

/** One database server that holds the links: the primary or a replica. Read only. */
export interface LinkStore {
  /** The rows as this server has them, deleted links too, in the order of the keys; undefined where it has none. */
  find(keys: readonly LinkKey[]): Promise<readonly (LinkRecord | undefined)[]>;
}
