import { type Breaker, breaker } from '#runtime/breaker/breaker.ts';
import { classify } from '#runtime/postgres/pool.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { Found, PrimaryTier, Tier } from '../resolve.ts';
import type { LinkStore } from '../store.ts';

interface PostgresTierOptions {
  readonly timeoutMs: number;
  readonly resetMs: number;
  readonly log: Log;
}

type Find = Breaker<[LinkKey], Found>;

/** A tier, and what is to be called when one of its servers was seen to answer: by its place among them. */
export type PostgresTier = Tier & { answersAgain(server: number): void };

/** `look` resolves when the server answers, as the primary. */
export function primaryTier(
  store: LinkStore,
  look: () => Promise<unknown>,
  options: PostgresTierOptions,
): PostgresTier & PrimaryTier {
  const find = guarded('primary', store, options);
  const answersAgain = (): void => find.answersAgain();
  const seen = lookout(look);
  return {
    name: 'primary',
    find: (key) => find.fire(key),
    answersAgain,
    async isBack() {
      if (find.state === 'closed') return true;
      const answers = await seen();
      if (answers) answersAgain();
      return answers;
    },
  };
}

/** One look at a time, for all who ask; after one that failed, none for ten times as long as it took. */
function lookout(look: () => Promise<unknown>): () => Promise<boolean> {
  let under: Promise<boolean> | undefined;
  let notBefore = Number.NEGATIVE_INFINITY;
  async function attempt(): Promise<boolean> {
    const begunAt = performance.now();
    try {
      await look();
      return true;
    } catch {
      const at = performance.now();
      notBefore = at + 10 * (at - begunAt);
      return false;
    } finally {
      under = undefined;
    }
  }
  return async () => {
    if (!under && performance.now() < notBefore) return false;
    under ??= attempt();
    return under;
  };
}

/** The replicas in turn; one that fails is followed by the next, once. Undefined where there are none. */
export function replicaTier(stores: readonly LinkStore[], options: PostgresTierOptions): PostgresTier | undefined {
  const replicas = stores.map((store, index) => guarded(`replica-${index + 1}`, store, options));
  if (replicas.length === 0) return undefined;
  let turn = 0;
  const inTurn = (): Find => {
    const start = turn++;
    const closed = replicas.filter(({ state }) => state !== 'open');
    const from = closed.length > 0 ? closed : replicas;
    return from[start % from.length] as Find;
  };
  return {
    name: 'replica',
    answersAgain: (server) => replicas[server]?.answersAgain(),
    async find(key) {
      const first = inTurn();
      try {
        return await first.fire(key);
      } catch (error) {
        const next = inTurn();
        if (next === first) throw error;
        return next.fire(key);
      }
    },
  };
}

function guarded(name: string, store: LinkStore, { timeoutMs, resetMs, log }: PostgresTierOptions): Find {
  const find = async (key: LinkKey): Promise<Found> => {
    const record = await store.find(key);
    return record && { record };
  };
  // A full pool is a crowd, not an illness.
  const isFailure = (error: unknown): boolean => classify(error).kind !== 'busy';
  return breaker(name, find, { timeoutMs, resetMs, isFailure, log });
}
