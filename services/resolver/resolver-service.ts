import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@connectrpc/connect';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { breaker } from '#runtime/breaker/breaker.ts';
import { loadServiceIdentity } from '#runtime/caller/keyring.ts';
import { keepWarm } from '#runtime/postgres/keep-warm.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { createRedis } from '#runtime/redis/redis.ts';
import { meshClient } from '#runtime/rpc/client.ts';
import { createCodeFilter } from '#runtime/shortlink/code-filter.ts';
import { loadCodeKeys } from '#runtime/shortlink/code-keys.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { observe } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { pause } from '#runtime/time/pause.ts';
import { createLinkClock } from '#runtime/watch/link-clock.ts';
import { watchIsSilent } from '#runtime/watch/link-watch.ts';
import { type AnswerCounts, createAnswerCounts } from './answer-counts.ts';
import type { ResolverConfig } from './config.ts';
import { createL1 } from './l1/l1.ts';
import { l1Limits } from './l1/l1-limits.ts';
import { createResolver, type Resolver } from './resolve/resolve.ts';
import { postgresStore } from './store.postgres.ts';
import type { LinkStore } from './store.ts';
import { createTakeUse, type TakeUse, type TakeUseOptions } from './take-use.ts';
import { type PostgresTier, primaryTier, replicaTier } from './tiers/postgres-tier.ts';
import { redisTier } from './tiers/redis-tier.ts';
import { createUnknownCodes, type UnknownCodes, unknownCodeBounds } from './unknown-codes.ts';
import { createFreshness } from './watch/freshness.ts';
import { startWatch } from './watch/watch.ts';

type LinkClient = Client<typeof LinkService>;

const now = (): number => performance.now();
const maxFlights = 2_000;
const maxFills = 64;
const flushMs = 1_000;

/** The state of this process: what it has cached, how far to trust it, and which codes it can refuse. */
function createMemory(config: ResolverConfig) {
  const { l1TrustMs: trustMs, l1LapseMs: lapseMs, l1StaleMs: staleMs, replicaLagMs } = config;
  const freshness = createFreshness({ now, lapseMs, replicaLagMs });
  const sizes = { maxEntries: config.l1Entries, maxBytes: config.l1Bytes, ...l1Limits };
  const l1 = createL1({ now, freshness, trustMs, lapseMs, staleMs, ...sizes, random: Math.random });
  const filter = createCodeFilter({ keys: loadCodeKeys(config.codeKeysFile), now });
  observe(metric.resolverCacheEntries, {}, () => l1.size);
  observe(metric.watchAge, {}, () => freshness.ageMs(now()) / 1_000);
  observe(metric.foreignCodeKeys, {}, () => filter.foreignKeys.length);
  observe(metric.cacheLag, {}, () => freshness.cacheLagMs / 1_000);
  return { freshness, l1, filter };
}

/** The stores, each behind its breaker. */
function connectStores(config: ResolverConfig, cachedUntilMs: () => number, log: Log) {
  const { breakerResetMs: resetMs, storeTimeoutMs: timeoutMs, postgresConnections: max } = config;
  const poolOf = (url: string, name: string, primary = false) =>
    createPool(url, { name, primary, max, statementTimeoutMs: timeoutMs, connectTimeoutMs: timeoutMs, log });
  const primary = poolOf(config.postgresPrimary, 'primary', true);
  const replicas = config.postgresReplicas.map((url, index) => poolOf(url, `replica-${index + 1}`));
  // When Redis dies its whole load arrives here at once: opening connections then would take longer than a redirect may wait.
  const warm = [primary, ...replicas].map((pool) => keepWarm(pool, Math.ceil(max / 2)));
  const redis = createRedis(config.redisUrl, { name: config.instance, commandTimeoutMs: timeoutMs, log });
  const { budgetMs } = config;
  const limits = { timeoutMs, resetMs, connections: max, budgetMs, log };
  const lateMs = budgetMs / 2;
  const [first, copies] = [postgresStore(primary), replicas.map(postgresStore)];
  const tiers = {
    redis: redisTier({ redis, timeoutMs, lateMs, resetMs, maxFills, budgetMs, cachedUntilMs, log }),
    replica: replicaTier(copies, { ...limits, lateMs }),
    primary: primaryTier(first, () => look(first), limits),
  };
  /** A server that passes its health check is used again at once: a failover takes less time than a breaker. */
  const check = (store: LinkStore, tier: PostgresTier | undefined, server: number) => async (): Promise<void> => {
    await look(store);
    tier?.answersAgain(server);
  };
  return {
    tiers,
    checks: {
      redis: () => redis.ping(),
      primary: check(first, tiers.primary, 0),
      ...Object.fromEntries(copies.map((copy, at) => [`replica-${at + 1}`, check(copy, tiers.replica, at)])),
    },
    close: [() => redis.disconnect(), ...[primary, ...replicas].map((pool) => () => pool.end()), ...warm],
  };
}

/** Resolves when the server can do what a redirect asks of it; no link has this name. */
const look = (store: LinkStore): Promise<unknown> => store.find([{ domain: '', code: '' }]);

export interface ResolverParts {
  readonly resolver: Resolver;
  readonly takeUse: TakeUse;
  readonly answerCounts: AnswerCounts;
  readonly unknownCodes: UnknownCodes;
  /** The clock by which links expire. */
  readonly wallClock: () => number;
  readonly checks: Readonly<Record<string, () => Promise<unknown>>>;
  /** In the order of opening. */
  readonly close: readonly (() => unknown)[];
}

/** Asks the link service for one use of a link; a request that may have taken one is never repeated. */
function useAsker({ takeMs: timeoutMs, breakerResetMs: resetMs }: ResolverConfig, client: LinkClient, log: Log) {
  const ask: TakeUseOptions['ask'] = ({ domain, code, id: linkId, version }, options) =>
    client.takeClick({ domain, code, linkId, version }, { ...options, timeoutMs });
  return breaker('link', ask, { timeoutMs, resetMs, log });
}

/** Builds and starts everything that the handlers need. */
export function startResolverService(config: ResolverConfig, log: Log): ResolverParts {
  const { freshness, l1, filter } = createMemory(config);
  const { tiers, checks, close } = connectStores(config, () => freshness.cachedUntilMs, log);
  const client: LinkClient = meshClient(LinkService, {
    addresses: config.linkAddresses,
    issuer: loadServiceIdentity(config),
  });
  const asker = useAsker(config, client, log);
  const onGap = (): void => tiers.primary.answersAgain(0);
  const watching = { client, l1, freshness, filter, onGap, now, sleep: pause, random: Math.random };
  const watch = startWatch({ ...watching, log: log.child({ part: 'watch' }) });
  const answerCounts = createAnswerCounts();
  const flushing = setInterval(() => answerCounts.flush(), flushMs).unref();
  const stopCounting = (): void => {
    clearInterval(flushing);
    answerCounts.flush();
  };
  const mayExist = ({ code }: { code: string }): boolean => filter.check(code) === 'maybe';
  const { budgetMs, redisPatienceMs, replicaPatienceMs, primaryPatienceMs } = config;
  const patienceMs = { redis: redisPatienceMs, replica: replicaPatienceMs, primary: primaryPatienceMs };
  const limits = { budgetMs, patienceMs, maxFlights };
  const resolver = createResolver({ l1, freshness, ...tiers, mayExist, now, timer, ...limits });
  const live = async (): Promise<void> => {
    if (!freshness.live(now())) throw watchIsSilent();
    // The link service has just said that it reads the primary.
    asker.answersAgain();
  };
  const wallClock = createLinkClock(freshness);
  return {
    resolver,
    takeUse: createTakeUse({ ask: asker.fire, wallClock }),
    answerCounts,
    unknownCodes: createUnknownCodes({ limit: config.unknownCodes, now, sleep, ...unknownCodeBounds }),
    wallClock,
    checks: { ...checks, watch: live },
    close: [...close, () => asker.shutdown(), () => watch.stop(), stopCounting],
  };
}

/** A process that was paused finds its timers expired before it has read answers that arrived long ago: these get one turn of the event loop. */
function timer(ms: number): { readonly done: Promise<void>; cancel(): void } {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const handle = setTimeout(() => setImmediate(resolve), ms);
  return { done, cancel: () => clearTimeout(handle) };
}
