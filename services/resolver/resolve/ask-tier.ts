import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { Inquiry, L1 } from '../l1/l1.ts';
import type { Found, PrimaryTier, RedisTier, Tier } from '../tiers/tier.ts';
import type { Clock, Freshness } from '../watch/freshness.ts';
import { type Answer, isAnswer, type TierResult } from './answer.ts';
import type { Within } from './time-limit.ts';

export interface AskTierOptions {
  readonly l1: L1;
  readonly freshness: Freshness;
  readonly redis: RedisTier;
  readonly primary: PrimaryTier;
  /**
   * How long a lookup waits for each store before it moves on. A breaker's own timeout is longer: a store that is slower than a lookup can
   * wait is not necessarily broken.
   */
  readonly patienceMs: Readonly<Record<Tier['name'], number>>;
  readonly within: Within;
  readonly now: Clock;
}

/** The calls to the stores in one walk. */
export interface Questions {
  /**
   * Asks one store: waits for its patience, and checks the result against what L1 knows. An inquiry made earlier says what was known when
   * the store was asked.
   */
  ask(tier: Tier, inquiry?: Inquiry): Promise<TierResult>;
  /** The authoritative answer. A change may overtake the first answer on its way; the second is read after it. */
  askPrimary(): Promise<TierResult>;
  /** The first answer to this call or from a store that was too slow before; undefined if all have failed, each by its own timeout. */
  late(beside: Promise<TierResult>): Promise<Answer | undefined>;
}

export function createQuestions(options: AskTierOptions): (name: LinkKey, key: string) => Questions {
  const { l1, freshness, redis, primary, patienceMs, within, now } = options;

  function judge(found: Found, inquiry: Inquiry, from: Tier['name']): TierResult {
    if (!found) return 'missing';
    if ('goneAt' in found) return l1.offerGone(inquiry, found.goneAt) ? { kind: 'absent', tier: from } : 'behind';
    const link = l1.offer(inquiry, found.record, from);
    if (!link) return 'behind';
    if (from === 'primary' || (from === 'replica' && isCurrent())) redis.fill(found.record);
    return { kind: 'link', link, tier: from, stale: false };
  }

  /** Whether the latest changes are known, so that a replica's row that passed was not outdated. */
  function isCurrent(): boolean {
    const at = now();
    return freshness.live(at) && freshness.settled(at);
  }

  return (name, key) => {
    const slow: (() => Promise<TierResult>)[] = [];

    async function ask(tier: Tier, inquiry = l1.inquire(key)): Promise<TierResult> {
      const asked = tier.find(name);
      const judged = (): Promise<TierResult> =>
        asked.then(
          (found) => judge(found, inquiry, tier.name),
          () => 'failed', // counted and logged by its breaker
        );
      // An answer that comes too late is cached for the next lookup, and checked again if it is wanted after all.
      return within(patienceMs[tier.name], judged(), () => {
        slow.push(judged);
        return 'failed';
      });
    }

    return {
      ask,
      async askPrimary() {
        let told: TierResult = 'behind';
        for (let round = 0; round < 2 && told === 'behind'; round++) {
          const inquiry = l1.inquire(key);
          told = await ask(primary);
          if (told === 'missing') told = l1.offerAbsence(inquiry) ? { kind: 'absent', tier: 'primary' } : 'behind';
        }
        return told;
      },
      late: (beside) => firstAnswer([beside, ...slow.map((judged) => judged())]),
    };
  };
}

function firstAnswer(all: readonly Promise<TierResult>[]): Promise<Answer | undefined> {
  const answers = all.map(async (one) => {
    const told = await one;
    if (!isAnswer(told)) throw new Error('It has no answer.');
    return told;
  });
  return Promise.any(answers).catch(() => undefined);
}
