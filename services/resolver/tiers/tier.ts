import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { Source } from '../cached-link.ts';

/** A store's answer: the row, that the code is gone since a version, or nothing. */
export type Found = { readonly record: LinkRecord } | { readonly goneAt: bigint } | undefined;

/** A store behind its breaker. Rejects when it does not answer in time. */
export interface Tier {
  readonly name: Exclude<Source, 'l1'>;
  find(name: LinkKey): Promise<Found>;
}

export interface PrimaryTier extends Tier {
  /** False while it is given up and a fresh check still gets no answer: a failover takes less time than a breaker. */
  isBack(): Promise<boolean>;
}

export interface RedisTier extends Tier {
  /** Writes unless Redis holds a newer version; does not wait, and skips the write when too many are in flight. */
  fill(record: LinkRecord): void;
}
