import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { type CachedLink, nameOf } from '../cached-link.ts';
import type { Answer } from './answer.ts';
import { type AskTierOptions, createQuestions } from './ask-tier.ts';
import { createL1Answers, type L1AnswersOptions } from './l1-answers.ts';
import { createSingleFlight } from './single-flight.ts';
import { createTimeLimit, type Timer } from './time-limit.ts';
import { createWalk, type WalkOptions } from './walk.ts';

export interface ResolverOptions
  extends L1AnswersOptions,
    Omit<AskTierOptions, 'within'>,
    Pick<WalkOptions, 'replica'> {
  readonly timer: Timer;
  /** How long one lookup may take in total. */
  readonly budgetMs: number;
  readonly maxFlights: number;
}

export interface Resolver {
  /** L1's answer if it is trusted enough to be served at once. Synchronous: the hot path. */
  atHand(name: LinkKey): CachedLink | undefined;
  resolve(name: LinkKey): Promise<Answer>;
  /** Whether `resolve` would answer absent without asking a store. */
  isMadeUp(name: LinkKey): boolean;
}

export function createResolver(options: ResolverOptions): Resolver {
  const { timer, budgetMs, patienceMs } = options;
  const within = createTimeLimit(timer);
  const answers = createL1Answers(options);
  const questions = createQuestions({ ...options, within });
  const walk = createWalk({ ...options, answers, questions, within, hedgeMs: patienceMs.primary / 4 });
  const fly = createSingleFlight<Answer>(options.maxFlights);
  const { atHand, isMadeUp, lastResort } = answers;

  /** An absence found by a lookup that began before ours proves nothing: a link may have been created in between. */
  async function join(name: LinkKey, key: string): Promise<Answer> {
    for (let round = 0; round < 2; round++) {
      const flight = fly(key, () => walk(name, key));
      if (!flight) return lastResort(key);
      const answer = await flight.result;
      if (flight.own || round === 1 || !isNothing(answer)) return answer;
    }
    return { kind: 'unavailable' };
  }

  return {
    atHand,
    isMadeUp,
    resolve(name) {
      const link = atHand(name);
      if (link) return Promise.resolve({ kind: 'link', link, tier: 'l1', stale: false });
      if (isMadeUp(name)) return Promise.resolve({ kind: 'absent', tier: 'filter' });
      const key = nameOf(name);
      return within(budgetMs, join(name, key), () => lastResort(key));
    },
  };
}

function isNothing(answer: Answer): boolean {
  return answer.kind === 'absent' || (answer.kind === 'link' && answer.link.state === 'deleted');
}
