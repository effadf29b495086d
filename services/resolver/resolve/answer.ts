import type { CachedLink, Source } from '../cached-link.ts';

export type Answer =
  | { readonly kind: 'link'; readonly link: CachedLink; readonly tier: Source; readonly stale: boolean }
  | { readonly kind: 'absent'; readonly tier: Source | 'filter' }
  | { readonly kind: 'unavailable' };

/** What one tier says: `missing`, it has no such link; `behind`, what it has is older than acceptable; `failed`, not in time. */
export type TierResult = Answer | 'missing' | 'behind' | 'failed';

export function isAnswer(told: TierResult): told is Answer {
  return typeof told === 'object';
}
