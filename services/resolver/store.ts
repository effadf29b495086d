import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';

/** One database server that holds the links: the primary or a replica. Read only. */
export interface LinkStore {
  /** The row as this server has it, deleted links too; undefined where it has none. */
  find(key: LinkKey): Promise<LinkRecord | undefined>;
}
