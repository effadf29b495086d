import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { createFlights } from './flights.ts';
import { type Held, nameOf, type Source } from './held.ts';
import type { Inquiry, L1 } from './tiers/l1.ts';
import type { Clock, Freshness } from './watch/freshness.ts';

/** What a store says: the row, that the code is gone since a version, or nothing. */
export type Found = { readonly record: LinkRecord } | { readonly goneAt: bigint } | undefined;

/** A store behind its breaker. Rejects when it does not answer in its time. */
export interface Tier {
  readonly name: Exclude<Source, 'l1'>;
  find(name: LinkKey): Promise<Found>;
}

export interface PrimaryTier extends Tier {
  /** False while it is given up and, looked at anew, still does not answer: a failover takes less time than a breaker. */
  isBack(): Promise<boolean>;
}

export interface RedisTier extends Tier {
  /** Writes unless Redis holds a newer version; does not wait, and gives up where too much is under way. */
  fill(record: LinkRecord): void;
}

/** Says no to generated codes that were never handed out, and yes to all that it is not sure of. */
export type CodeFilter = (name: LinkKey) => boolean;

export type Answer =
  | { readonly kind: 'link'; readonly held: Held; readonly tier: Source; readonly stale: boolean }
  | { readonly kind: 'absent'; readonly tier: Source | 'filter' }
  | { readonly kind: 'unavailable' };

export interface ResolverOptions {
  readonly l1: L1;
  readonly freshness: Freshness;
  readonly redis: RedisTier;
  /** Absent where there is no replica. */
  readonly replica: Tier | undefined;
  readonly primary: PrimaryTier;
  readonly mayExist: CodeFilter;
  readonly now: Clock;
  /** Settles after this many milliseconds; cancel frees it. */
  readonly timer: (ms: number) => { readonly done: Promise<void>; cancel(): void };
  /** How long one question may take in all. */
  readonly budgetMs: number;
  /**
   * How long the walk waits for each store before it goes on. A breaker's own limit is longer: that a store is slower
   * than we care to wait does not say that it is ill.
   */
  readonly patienceMs: Readonly<Record<Tier['name'], number>>;
  readonly maxFlights: number;
}

export interface Resolver {
  /** The answer of L1 where it is good enough to be given at once. Takes no turn of the event loop: the hot path. */
  atHand(name: LinkKey): Held | undefined;
  resolve(name: LinkKey): Promise<Answer>;
  /** True where `resolve` would say absent without asking a store. */
  isMadeUp(name: LinkKey): boolean;
}

type TierResult = Answer | 'missing' | 'behind' | 'failed';

const unavailable: Answer = { kind: 'unavailable' };

export function createResolver(options: ResolverOptions): Resolver {
  const { l1, freshness, redis, replica, primary, mayExist, now, timer, budgetMs } = options;
  const fly = createFlights<Answer>(options.maxFlights);
  const hedgeMs = options.patienceMs.primary / 4;

  async function ask(tier: Tier, name: LinkKey, key: string, inquiry = l1.inquire(key)): Promise<TierResult> {
    const told = tier.find(name).then(
      // An answer that comes too late for this question is held for the next.
      (found) => judge(found, inquiry, tier.name),
      (): TierResult => 'failed', // counted and logged by its breaker
    );
    return within(options.patienceMs[tier.name], told, () => 'failed');
  }

  async function within<Result>(ms: number, result: Promise<Result>, late: () => Result): Promise<Result> {
    const limit = timer(ms);
    try {
      return await Promise.race([result, limit.done.then(late)]);
    } finally {
      limit.cancel();
    }
  }

  /** Are the changes of late known, so that a replica's row that passed was not an old one? */
  function current(): boolean {
    const at = now();
    return freshness.live(at) && freshness.settled(at);
  }

  function judge(found: Found, inquiry: Inquiry, from: Tier['name']): TierResult {
    if (!found) return 'missing';
    if ('goneAt' in found) {
      l1.drop(inquiry.key, found.goneAt);
      const { atLeast } = l1.inquire(inquiry.key);
      return found.goneAt < atLeast ? 'behind' : absent({ ...inquiry, atLeast }, from);
    }
    const held = l1.offer(inquiry, found.record, from);
    if (!held) return 'behind';
    if (from === 'primary' || (from === 'replica' && current())) redis.fill(found.record);
    return { kind: 'link', held, tier: from, stale: false };
  }

  function absent(inquiry: Inquiry, tier: Source): TierResult {
    return l1.offerAbsence(inquiry) ? { kind: 'absent', tier } : 'behind';
  }

  /** The last word. A change may overtake the first answer on its way; the second is read after it. */
  async function askPrimary(name: LinkKey, key: string): Promise<TierResult> {
    let told: TierResult = 'behind';
    for (let round = 0; round < 2 && told === 'behind'; round++) {
      const inquiry = l1.inquire(key);
      told = await ask(primary, name, key);
      if (told === 'missing') told = absent(inquiry, 'primary');
    }
    return told;
  }

  /** What L1 alone knows to be nowhere: an absence, or a deleted link. */
  function rememberedNothing(key: string): Answer | undefined {
    const at = now();
    if (l1.rememberedAbsent(key, at)) return { kind: 'absent', tier: 'l1' };
    const held = l1.get(key);
    if (held?.state !== 'deleted' || !freshness.live(at) || !l1.trusted(held, at)) return undefined;
    return { kind: 'link', held, tier: 'l1', stale: false };
  }

  /**
   * Watch is live: the changes of late are known, so the near stores will do, except for an absence. Redis is passed over while
   * changes from before Watch began are still to be carried there.
   */
  async function walkLive(name: LinkKey, key: string): Promise<Answer> {
    const remembered = rememberedNothing(key);
    const near = freshness.cached() ? await ask(redis, name, key) : 'failed';
    if (isAnswer(near)) return near;
    // A link is in Redis before its creation is answered, so what Redis does not have either was not made since.
    if (near === 'missing' && remembered && rememberedNothing(key)) return remembered;
    // A replica's row can be checked once all changes that it may lack have been heard of.
    if (replica && near !== 'behind' && freshness.settled(now())) {
      const copy = await ask(replica, name, key);
      if (isAnswer(copy)) return copy;
      const told = await askPrimary(name, key);
      return isAnswer(told) ? told : withoutPrimary(name, key, near, copy);
    }
    return askPrimaryFirst(name, key, near);
  }

  /**
   * Where Redis and the replicas may hold what is older than allowed: while Watch is silent, and for a while after it began.
   * Beside a primary that hangs they are asked too, but what they say is not looked at before the primary has had its time.
   */
  async function askPrimaryFirst(name: LinkKey, key: string, known?: TierResult): Promise<Answer> {
    const asked = askPrimary(name, key);
    const prompt = await within<TierResult | undefined>(hedgeMs, asked, () => undefined);
    const inquiry = l1.inquire(key);
    const beside = (tier: Tier): Tier => (prompt ? tier : begun(tier, name));
    const cache = known ? undefined : beside(redis);
    const copies = replica && beside(replica);
    const told = prompt ?? (await asked);
    if (isAnswer(told)) return told;
    const near = cache ? await ask(cache, name, key, inquiry) : (known ?? 'failed');
    if (isAnswer(near)) return near;
    const copy = copies ? await ask(copies, name, key, inquiry) : 'failed';
    return isAnswer(copy) ? copy : withoutPrimary(name, key, near, copy);
  }

  /** Redis has what is new, a replica what is old: what neither has is not there. That is served, but not remembered. */
  async function withoutPrimary(name: LinkKey, key: string, near: TierResult, copy: TierResult): Promise<Answer> {
    const nowhere = near === 'missing' && copy === 'missing' && l1.inquire(key).atLeast === 0n;
    if (nowhere) return { kind: 'absent', tier: 'replica' };
    const isBack = primary.isBack();
    const known = lastResort(key);
    if (known.kind === 'link') return known;
    const told = (await isBack) ? await askPrimary(name, key) : 'failed';
    return isAnswer(told) ? told : lastResort(key);
  }

  function lastResort(key: string): Answer {
    const held = l1.get(key);
    return held && l1.servableStale(held, now()) ? { kind: 'link', held, tier: 'l1', stale: true } : unavailable;
  }

  const walk = (name: LinkKey, key: string): Promise<Answer> =>
    freshness.live(now()) && !l1.blind(key) ? walkLive(name, key) : askPrimaryFirst(name, key);

  /** An absence found for a question from before ours proves nothing: a link may have been made in between. */
  async function join(name: LinkKey, key: string): Promise<Answer> {
    for (let round = 0; round < 2; round++) {
      const flight = fly(key, () => walk(name, key));
      if (!flight) return lastResort(key);
      const answer = await flight.result;
      if (flight.own || round === 1 || !isNothing(answer)) return answer;
    }
    return unavailable;
  }

  function atHand(name: LinkKey): Held | undefined {
    const held = l1.get(nameOf(name));
    return held && held.state !== 'deleted' && l1.trusted(held, now()) ? held : undefined;
  }

  const isMadeUp = (name: LinkKey): boolean => !l1.get(nameOf(name)) && freshness.live(now()) && !mayExist(name);

  return {
    atHand,
    isMadeUp,
    resolve(name) {
      const held = atHand(name);
      if (held) return Promise.resolve({ kind: 'link', held, tier: 'l1', stale: false });
      if (isMadeUp(name)) return Promise.resolve({ kind: 'absent', tier: 'filter' });
      const key = nameOf(name);
      return within(budgetMs, join(name, key), () => lastResort(key));
    },
  };
}

/** The tier, asked now: who asks it later waits for that answer. */
function begun(tier: Tier, name: LinkKey): Tier {
  const found = tier.find(name);
  // Nobody may ask; its breaker has counted it.
  found.catch(() => {});
  return { name: tier.name, find: () => found };
}

function isAnswer(told: TierResult): told is Answer {
  return typeof told === 'object';
}

function isNothing(answer: Answer): boolean {
  return answer.kind === 'absent' || (answer.kind === 'link' && answer.held.state === 'deleted');
}
