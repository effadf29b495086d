import type { CachedLink, Source } from '../cached-link.ts';

export type Answer =
  | { readonly kind: 'link'; readonly link: CachedLink; readonly tier: Source; readonly stale: boolean }
  | { readonly kind: 'absent'; readonly tier: Source | 'filter' }
  | { readonly kind: 'unavailable' };

/** A tier's result: `missing`, it has no such link; `behind`, its row is older than acceptable; `failed`, no answer in time. */
export type TierResult = Answer | 'missing' | 'behind' | 'failed';

export function isAnswer(told: TierResult): told is Answer {
  return typeof told === 'object';
}
