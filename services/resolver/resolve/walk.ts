import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { L1 } from '../l1/l1.ts';
import type { PrimaryTier, RedisTier, Tier } from '../tiers/tier.ts';
import type { Clock, Freshness } from '../watch/freshness.ts';
import { type Answer, isAnswer, type TierResult } from './answer.ts';
import type { Questions } from './ask-tier.ts';
import type { L1Answers } from './l1-answers.ts';
import type { Within } from './time-limit.ts';

export interface WalkOptions {
  readonly l1: L1;
  readonly answers: L1Answers;
  readonly freshness: Freshness;
  readonly redis: RedisTier;
  /** Absent if there is no replica. */
  readonly replica: Tier | undefined;
  readonly primary: PrimaryTier;
  readonly questions: (name: LinkKey, key: string) => Questions;
  /** How long to wait for the primary alone before the other stores are asked as well, in milliseconds. */
  readonly hedgeMs: number;
  readonly within: Within;
  readonly now: Clock;
}

/** Asks the stores for a link, in the order that their known freshness allows. */
export type Walk = (name: LinkKey, key: string) => Promise<Answer>;

export function createWalk(options: WalkOptions): Walk {
  const { l1, answers, freshness, redis, replica, primary, questions, hedgeMs, within, now } = options;

  /**
   * While Watch is live the latest changes are known, so the near stores will do, except for an absence. Redis is skipped while changes
   * from before Watch began have yet to reach it, and asked only when nobody else answers.
   */
  async function walkLive(name: LinkKey, key: string, asking: Questions): Promise<Answer> {
    const { ask, askPrimary } = asking;
    const remembered = answers.nothing(key);
    const near = freshness.cached() ? await ask(redis) : undefined;
    if (near && isAnswer(near)) return near;
    // A link is in Redis before its creation is answered, so one that Redis does not have either was not created since.
    if (near === 'missing' && remembered && answers.nothing(key)) return remembered;
    // A replica's row can be checked once all changes that it may lack have been received.
    if (replica && near !== 'behind' && freshness.settled(now())) {
      const copy = await ask(replica);
      if (isAnswer(copy)) return copy;
      const told = await askPrimary();
      if (isAnswer(told)) return told;
      const last = near ?? (await ask(redis));
      return isAnswer(last) ? last : withoutPrimary(asking, key, last, copy);
    }
    return askPrimaryFirst(name, key, asking, near);
  }

  /**
   * The order while Redis and the replicas may be too far behind: while Watch is silent, and for a while after it began.
   * If the primary hangs they are asked as well, but their answers are used only after the primary has had its time.
   */
  async function askPrimaryFirst(name: LinkKey, key: string, asking: Questions, known?: TierResult): Promise<Answer> {
    const { ask, askPrimary } = asking;
    const asked = askPrimary();
    const prompt = await within<TierResult | undefined>(hedgeMs, asked, () => undefined);
    const inquiry = l1.inquire(key);
    const beside = (tier: Tier): Tier => (prompt ? tier : begun(tier, name));
    const cache = known ? undefined : beside(redis);
    const copies = replica && beside(replica);
    const told = prompt ?? (await asked);
    if (isAnswer(told)) return told;
    const near = cache ? await ask(cache, inquiry) : (known ?? 'failed');
    if (isAnswer(near)) return near;
    const copy = copies ? await ask(copies, inquiry) : 'failed';
    return isAnswer(copy) ? copy : withoutPrimary(asking, key, near, copy);
  }

  /**
   * Redis has new links, a replica old ones: a link that neither of them nor this process has does not exist. That is answered, but not
   * cached. If Redis was skipped, new links may be missing. A store that was too slow may still answer while there is time.
   */
  async function withoutPrimary(asking: Questions, key: string, near: TierResult, copy: TierResult): Promise<Answer> {
    const isPassedOver = freshness.live(now()) && !freshness.cached();
    const isUnknown = !l1.get(key) && l1.inquire(key).atLeast === 0n;
    if (isUnknown && !isPassedOver && near === 'missing' && copy === 'missing')
      return { kind: 'absent', tier: 'replica' };
    const isBack = primary.isBack();
    const known = answers.lastResort(key);
    if (known.kind === 'link') return known;
    const again = isBack.then((is) => (is ? asking.askPrimary() : 'failed'));
    return (await asking.late(again)) ?? answers.lastResort(key);
  }

  return (name, key) => {
    const walk = freshness.live(now()) && !l1.blind(key) ? walkLive : askPrimaryFirst;
    return walk(name, key, questions(name, key));
  };
}

/** The tier with its lookup already started: a later call waits for that answer. */
function begun(tier: Tier, name: LinkKey): Tier {
  const found = tier.find(name);
  // Possibly nobody asks for it; its breaker has counted the failure.
  found.catch(() => {});
  return { name: tier.name, find: () => found };
}
