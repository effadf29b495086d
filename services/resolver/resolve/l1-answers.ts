import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { type CachedLink, nameOf } from '../cached-link.ts';
import type { L1 } from '../l1/l1.ts';
import type { Clock, Freshness } from '../watch/freshness.ts';
import type { Answer } from './answer.ts';

/** False for generated codes that were certainly never handed out; true whenever that is not sure. */
export type CodeFilter = (name: LinkKey) => boolean;

/** What this process can answer without asking a store. */
export interface L1Answers {
  /** A link that is trusted enough to be served at once: the hot path. */
  atHand(name: LinkKey): CachedLink | undefined;
  /** Whether no link can have this code. */
  isMadeUp(name: LinkKey): boolean;
  /** A known absence, or a deleted link. */
  nothing(key: string): Answer | undefined;
  /** What may be served, flagged as stale, because no store answers. */
  lastResort(key: string): Answer;
}

export interface L1AnswersOptions {
  readonly l1: L1;
  readonly freshness: Freshness;
  readonly mayExist: CodeFilter;
  readonly now: Clock;
}

const unavailable: Answer = { kind: 'unavailable' };

export function createL1Answers({ l1, freshness, mayExist, now }: L1AnswersOptions): L1Answers {
  return {
    atHand(name) {
      const link = l1.get(nameOf(name));
      return link && link.state !== 'deleted' && l1.trusted(link, now()) ? link : undefined;
    },
    isMadeUp: (name) => !l1.get(nameOf(name)) && freshness.live(now()) && !mayExist(name),
    nothing(key) {
      const at = now();
      if (l1.rememberedAbsent(key, at)) return { kind: 'absent', tier: 'l1' };
      const link = l1.get(key);
      if (link?.state !== 'deleted' || !freshness.live(at) || !l1.trusted(link, at)) return undefined;
      return { kind: 'link', link, tier: 'l1', stale: false };
    },
    lastResort(key) {
      const link = l1.get(key);
      return link && l1.servableStale(link, now()) ? { kind: 'link', link, tier: 'l1', stale: true } : unavailable;
    },
  };
}
