import type { CallOptions } from '@connectrpc/connect';
import type { TakeClickResponse } from '#gen/link/v1/link_service_pb.ts';
import { type CachedLink, type FollowState, followState, toCachedLink } from './cached-link.ts';

/** The primary's answer to a follow of a link with a limit. */
type Use =
  /** One use was taken: the link is to be followed as it stands here. */
  | { readonly kind: 'granted'; readonly link: CachedLink }
  | { readonly kind: 'gone'; readonly state: Exclude<FollowState, 'followable'> }
  | { readonly kind: 'absent' }
  /** It is unknown whether a use is left, or one was taken and the answer is lost. */
  | { readonly kind: 'unavailable' };

export type TakeUse = (link: CachedLink, options: CallOptions) => Promise<Use>;

export interface TakeUseOptions {
  /** Asks the link service, within its deadline and behind a breaker. Never repeated for the same follow. */
  readonly ask: (link: CachedLink, options: CallOptions) => Promise<Pick<TakeClickResponse, 'granted' | 'record'>>;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/** What this process has cached of such a link only says that the link service has to be asked: the primary's record is what counts. */
export function createTakeUse({ ask, wallClock }: TakeUseOptions): TakeUse {
  return async (known, options) => {
    const answer = await ask(known, options).catch(() => undefined);
    // The breaker has counted and logged it.
    if (!answer) return { kind: 'unavailable' };
    const { granted, record } = answer;
    if (granted) return { kind: 'granted', link: record ? toCachedLink(record) : known };
    if (!record?.id) return { kind: 'absent' };
    const state = followState(toCachedLink(record), wallClock());
    // The database's clock is ahead of ours.
    return { kind: 'gone', state: state === 'followable' ? 'expired' : state };
  };
}
