import { setTimeout as sleep } from 'node:timers/promises';
import { type Breaker, breaker } from '#runtime/breaker/breaker.ts';
import { classify } from '#runtime/postgres/pool.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { LinkStore } from '../store.ts';
import { batched } from './batching.ts';
import type { Found, PrimaryTier, Tier } from './tier.ts';

interface PostgresTierOptions {
  readonly timeoutMs: number;
  /** When every answer takes longer, the server is not asked for a while. */
  readonly lateMs?: number;
  readonly resetMs: number;
  /** Questions under way at each server: as many as there are connections. */
  readonly connections: number;
  /** How long a question may take in all: a key that waited longer is not asked for any more, for nobody waits for it. */
  readonly budgetMs: number;
  readonly log: Log;
}

/** Keys in one question. */
const batches = { most: 64, maxWaiting: 1_000 } as const;

/** One server behind its breaker. */
interface Server extends Pick<Breaker<[], unknown>, 'state' | 'answersAgain'> {
  find(key: LinkKey): Promise<Found>;
}

/** A tier, and what is to be called when one of its servers was seen to answer: by its place among them. */
export type PostgresTier = Tier & { answersAgain(server: number): void };

/** `look` resolves when the server answers, as the primary. */
export function primaryTier(
  store: LinkStore,
  look: () => Promise<unknown>,
  options: PostgresTierOptions,
): PostgresTier & PrimaryTier {
  const server = guarded('primary', store, options);
  const answersAgain = (): void => server.answersAgain();
  const seen = lookout(look, options.timeoutMs);
  return {
    name: 'primary',
    find: server.find,
    answersAgain,
    async isBack() {
      if (server.state === 'closed') return true;
      const answers = await seen();
      if (answers) answersAgain();
      return answers;
    },
  };
}

/** The rest after a server that refused to answer, which costs nobody anything. */
const refusedRestMs = 20;

/**
 * One look at a time, for all who ask. After a refusal the next one comes a little later, and who asks meanwhile waits for it: a
 * server that was promoted is not to be missed. One that hangs is left alone for ten times as long as it was waited for.
 */
function lookout(look: () => Promise<unknown>, timeoutMs: number): () => Promise<boolean> {
  let under: Promise<boolean> | undefined;
  let notBefore = Number.NEGATIVE_INFINITY;
  const restMs = (): number => Math.max(0, notBefore - performance.now());
  async function attempt(): Promise<boolean> {
    if (restMs() > 0) await sleep(restMs());
    const begunAt = performance.now();
    try {
      await look();
      return true;
    } catch {
      const at = performance.now();
      const tookMs = at - begunAt;
      notBefore = at + (tookMs < timeoutMs / 2 ? refusedRestMs : 10 * tookMs);
      return false;
    } finally {
      under = undefined;
    }
  }
  return async () => {
    if (!under && restMs() > refusedRestMs) return false;
    under ??= attempt();
    return under;
  };
}

/** The replicas in turn; one that fails is followed by the next, once. Undefined where there are none. */
export function replicaTier(stores: readonly LinkStore[], options: PostgresTierOptions): PostgresTier | undefined {
  const replicas = stores.map((store, index) => guarded(`replica-${index + 1}`, store, options));
  if (replicas.length === 0) return undefined;
  let turn = 0;
  const inTurn = (servers: readonly Server[]): Server | undefined => {
    const closed = servers.filter(({ state }) => state !== 'open');
    const from = closed.length > 0 ? closed : servers;
    return from[turn++ % from.length];
  };
  return {
    name: 'replica',
    answersAgain: (server) => replicas[server]?.answersAgain(),
    async find(key) {
      const first = inTurn(replicas) as Server;
      try {
        return await first.find(key);
      } catch (error) {
        const next = inTurn(replicas.filter((server) => server !== first));
        if (!next) throw error;
        return next.find(key);
      }
    },
  };
}

function guarded(name: string, store: LinkStore, options: PostgresTierOptions): Server {
  const { connections, budgetMs, ...limits } = options;
  // A full pool is a crowd, not an illness.
  const isFailure = (error: unknown): boolean => classify(error).kind !== 'busy';
  const rows = breaker(name, (keys: readonly LinkKey[]) => store.find(keys), { ...limits, isFailure });
  const rowOf = batched(rows.fire, { name, ...batches, underWay: connections, patienceMs: budgetMs });
  return {
    get state() {
      return rows.state;
    },
    answersAgain: rows.answersAgain,
    async find(key) {
      const record = await rowOf(key);
      return record && { record };
    },
  };
}
