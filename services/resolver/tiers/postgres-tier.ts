import { type Breaker, breaker } from '#runtime/breaker/breaker.ts';
import { classify } from '#runtime/postgres/pool.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { LinkStore } from '../store.ts';
import { gather } from './gather.ts';
import type { Found, PrimaryTier, Tier } from './tier.ts';

interface PostgresTierOptions {
  readonly timeoutMs: number;
  /** When every answer takes longer, the server is not asked for a while. */
  readonly lateMs?: number;
  readonly resetMs: number;
  /** Questions under way at each server: as many as there are connections. */
  readonly connections: number;
  /** A key that waited longer to be asked for is not asked for any more: nobody waits for it. */
  readonly patienceMs: number;
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
  const seen = lookout(look);
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
  const { connections, patienceMs, ...limits } = options;
  // A full pool is a crowd, not an illness.
  const isFailure = (error: unknown): boolean => classify(error).kind !== 'busy';
  const rows = breaker(name, (keys: readonly LinkKey[]) => store.find(keys), { ...limits, isFailure });
  const rowOf = gather(rows.fire, { name, ...batches, underWay: connections, patienceMs });
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
