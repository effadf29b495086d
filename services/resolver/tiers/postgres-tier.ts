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
  /** When every answer takes longer, the server is not used for a while. */
  readonly lateMs?: number;
  readonly resetMs: number;
  /** Queries in flight at each server: as many as there are connections. */
  readonly connections: number;
  /** How long a lookup may take in total: a key that has waited longer is not queried any more, since nobody is waiting for it. */
  readonly budgetMs: number;
  readonly log: Log;
}

/** Keys per query. */
const batches = { most: 64, maxWaiting: 1_000 } as const;

/** One server behind its breaker. */
interface Server extends Pick<Breaker<[], unknown>, 'state' | 'answersAgain'> {
  find(key: LinkKey): Promise<Found>;
}

/** A tier, with a function to call when one of its servers (by index) was seen to answer. */
export type PostgresTier = Tier & { answersAgain(server: number): void };

/** `look` resolves when the server answers as the primary. */
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

/** The pause after a refused connection, which costs next to nothing. */
const refusedRestMs = 20;

/**
 * One check at a time, shared by all who ask. After a refusal the next one comes a little later, and whoever asks meanwhile waits for it,
 * so that a promoted server is found at once. After a check that hung, the server is left alone for ten times as long as the check waited.
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

/** The replicas in turn; if one fails the next is tried, once. Undefined if there are none. */
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
  // A full pool means load, not a failure.
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
