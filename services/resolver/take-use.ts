import type { CallOptions } from '@connectrpc/connect';
import type { TakeClickResponse } from '#gen/link/v1/link_service_pb.ts';
import { type CachedLink, type FollowState, followState, toCachedLink } from './cached-link.ts';

/** What the primary says to a follow of a link that has a limit. */
type Use =
  /** One use is taken: the link is to be followed as it stands here. */
  | { readonly kind: 'granted'; readonly link: CachedLink }
  | { readonly kind: 'gone'; readonly state: Exclude<FollowState, 'followable'> }
  | { readonly kind: 'absent' }
  /** Nobody can say whether there is a use left, or one was taken and the answer is lost. */
  | { readonly kind: 'unavailable' };

export type TakeUse = (link: CachedLink, options: CallOptions) => Promise<Use>;

export interface TakeUseOptions {
  /** Asks the link service, within its deadline and behind a breaker. Never a second time for the same follow. */
  readonly ask: (link: CachedLink, options: CallOptions) => Promise<Pick<TakeClickResponse, 'granted' | 'record'>>;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
}

/** What this process remembers of such a link says only that it has to be asked for: the primary's record is what counts. */
export function createTakeUse({ ask, wallClock }: TakeUseOptions): TakeUse {
  return async (known, options) => {
    const answer = await ask(known, options).catch(() => undefined);
    // The breaker counts it and logs it.
    if (!answer) return { kind: 'unavailable' };
    const { granted, record } = answer;
    if (granted) return { kind: 'granted', link: record ? toCachedLink(record) : known };
    if (!record?.id) return { kind: 'absent' };
    const state = followState(toCachedLink(record), wallClock());
    // The database's clock is ahead of this one.
    return { kind: 'gone', state: state === 'followable' ? 'expired' : state };
  };
}
