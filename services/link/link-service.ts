import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import { breaker } from '#runtime/breaker/breaker.ts';
import type { ServiceIdentity } from '#runtime/caller/keyring.ts';
import { createConcurrencyLimit } from '#runtime/limits/concurrency-limit.ts';
import { keepWarm } from '#runtime/postgres/keep-warm.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { createRedis } from '#runtime/redis/redis.ts';
import { meshClient } from '#runtime/rpc/client.ts';
import { loadCodeKeys } from '#runtime/shortlink/code-keys.ts';
import { createDomains } from '#runtime/shortlink/link-key.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { observe } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { type Admission, type AdmissionOptions, createAdmission } from './admission.ts';
import { type CacheWriters, createCacheWriters } from './cache/cache-writer.ts';
import { startRelay } from './cache/relay.ts';
import { type ChangeFeed, createChangeFeed } from './changes/change-feed.ts';
import { postgresChangeLog } from './changes/change-log.postgres.ts';
import type { ChangeLog } from './changes/change-log.ts';
import { postgresClosedWorkspaces } from './closing/closed-workspaces.postgres.ts';
import { type Closing, startClosing } from './closing/closing.ts';
import { createCodeSource } from './codes/code-blocks.ts';
import { openCodes } from './codes/open-codes.ts';
import type { LinkConfig } from './config.ts';
import { createOwnHosts } from './destinations/destination.ts';
import { createHandlers } from './handlers.ts';
import { type AskClickCounts, createClickCounts } from './links/click-counts.ts';
import { createShortUrls } from './links/link-message.ts';
import { createLinks } from './links/links.ts';
import { createPurge } from './links/purge.ts';
import { createUseQueue } from './links/use-queue.ts';
import { postgresStore } from './store.postgres.ts';
import type { LinkStore } from './store.ts';
import { startSweeper } from './sweeper.ts';
import { postgresTakedowns } from './takedowns/takedowns.postgres.ts';

/** The link service without its server: its dependencies, created and started. */
export async function startLinkService(config: LinkConfig, log: Log, issuer: ServiceIdentity) {
  const admission = createAdmission(admissionOf(config));
  const connections = connect(config, admission, log);
  const changeLog = postgresChangeLog(connections.watchPool);
  const { feed, store, codes } = await openStore(config, connections, changeLog, log);
  const cache = createCacheWriters(connections.redis);
  const eraseClicks = clickEraser(config, issuer);
  const stopBackground = startBackground(config, { changeLog, feed, store, cache, eraseClicks, log });
  const closing = closingOf(connections.pool, { feed, eraseClicks, log });
  const askClicks = clickCountBreaker(config, issuer, log);
  const unobserve = observe(metric.watchSubscribers, {}, () => feed.subscribers);
  const domains = createDomains(config);
  const handlers = createHandlers({
    domains,
    destinations: {
      isOwnHost: createOwnHosts(domains, config.hostAliases, config.publicUrl),
      allowPrivate: config.allowPrivateDestinations,
    },
    shortUrl: createShortUrls(config.publicUrl, domains.defaultDomain),
    store,
    links: createLinks({ store, codes, admit: admission.admit, writeToCache: cache.write, ...config }),
    takeUse: createUseQueue(store),
    closing,
    feed,
    clicks: createClickCounts(askClicks),
  });
  return {
    handlers,
    checks: connections.checks,
    /** In the order of creation; closed from last to first. */
    close: [
      ...connections.close,
      () => feed.stop(),
      ...stopBackground,
      () => closing.stop(),
      () => askClicks.shutdown(),
      unobserve,
    ],
  };
}

/** One in this many connections is only for what may read all links of a workspace, such as a search: it holds up no create and no edit. */
const searchShare = 4;

function connect(config: LinkConfig, admission: Admission, log: Log) {
  const url = withLockTimeout(config.postgresPrimary, config.lockTimeoutMs);
  const shared = { primary: true, statementTimeoutMs: config.statementTimeoutMs, log };
  const searches = Math.ceil(config.poolSize / searchShare);
  const pool = createPool(url, {
    ...{ name: 'link', max: config.poolSize - searches, maxWaiting: config.poolQueue },
    ...{ onWait: admission.waiting, ...shared },
  });
  const searchPool = createPool(url, { name: 'link-search', max: searches, ...shared });
  const searchLimit = createConcurrencyLimit({ most: Math.max(1, Math.floor(searches / 2)) });
  // A burst that comes all at once, after a start for example, must not begin by opening connections.
  const stopWarming = keepWarm(pool, Math.ceil(config.poolSize / 2));
  const watchPool = createPool(url, { name: 'link-watch', max: 6, maxWaiting: 100, ...shared });
  const redis = createRedis(config.redisUrl, { name: config.instance, log });
  return {
    ...{ pool, searchPool, searchLimit, watchPool, redis },
    checks: { postgres: () => pool.query('select 1'), redis: () => redis.ping() },
    close: [() => redis.disconnect(), () => watchPool.end(), () => searchPool.end(), () => pool.end(), stopWarming],
  };
}

/** The store, its change feed, and the source of new codes; each needs another of them. */
async function openStore(
  config: LinkConfig,
  { pool, searchPool, searchLimit }: Pick<ReturnType<typeof connect>, 'pool' | 'searchPool' | 'searchLimit'>,
  changeLog: ChangeLog,
  log: Log,
) {
  const feed = createChangeFeed({
    changeLog,
    log: log.child({ part: 'watch' }),
    pollMs: config.watchPollMs,
    heartbeatMs: config.watchHeartbeatMs,
    queueLimit: config.watchQueue,
    onReplaced: () => {
      codes.discard();
      openCodes(codes, { log }).catch((error: unknown) =>
        log.warn({ err: error }, 'the code space is opened by the next start'),
      );
    },
  });
  const store = postgresStore(pool, { committed: feed.committed, searchPool, searchLimit });
  const { blockSize, blockAnnounceMs: announceMs } = config;
  const codes = createCodeSource({ store, keys: loadCodeKeys(config.codeKeysFile), blockSize, announceMs });
  await openCodes(codes, { log });
  return { feed, store, codes };
}

interface BackgroundDependencies {
  readonly changeLog: ChangeLog;
  readonly feed: ChangeFeed;
  readonly store: LinkStore;
  readonly cache: CacheWriters;
  readonly eraseClicks: EraseClicks;
  readonly log: Log;
}

/** The background work: changes are relayed to Redis, what is due is swept. Returns functions to stop it. */
function startBackground(config: LinkConfig, dependencies: BackgroundDependencies) {
  const { changeLog, feed, store, cache, eraseClicks } = dependencies;
  const relay = startRelay({ changeLog, feed, cache, log: dependencies.log.child({ part: 'relay' }) });
  const log = dependencies.log.child({ part: 'sweeper' });
  const purge = createPurge({ store, eraseClicks: (linkIds, signal) => eraseClicks({ linkIds }, signal), log });
  const { sweepMs: everyMs, changeRetentionMs: retentionMs } = config;
  const sweeper = startSweeper({ store, changeLog, purge, log, everyMs, retentionMs });
  return [() => relay.stop(), () => sweeper.stop()];
}

const admissionOf = (config: LinkConfig): AdmissionOptions => ({
  targetMs: config.queueTargetMs,
  intervalMs: config.queueIntervalMs,
  longestMs: config.queueLongestMs,
});

/** No statement waits for a row longer than a call may take. */
function withLockTimeout(postgresUrl: string, lockTimeoutMs: number): string {
  const url = new URL(postgresUrl);
  url.searchParams.set('lock_timeout', String(lockTimeoutMs));
  return url.href;
}

function clickCountBreaker(config: LinkConfig, issuer: ServiceIdentity, log: Log): AskClickCounts {
  const { clickCountMs: timeoutMs, breakerResetMs: resetMs } = config;
  const analytics = meshClient(AnalyticsService, {
    addresses: config.analyticsAddresses,
    issuer,
    deadlineMs: timeoutMs,
  });
  return breaker(
    'analytics',
    async (linkIds, options) => (await analytics.getClickCounts({ linkIds: [...linkIds] }, options)).clicks,
    { timeoutMs, resetMs, log },
  );
}

function closingOf(
  pool: ReturnType<typeof createPool>,
  { feed, eraseClicks, log }: Pick<BackgroundDependencies, 'feed' | 'eraseClicks' | 'log'>,
): Closing {
  return startClosing({
    workspaces: postgresClosedWorkspaces(pool),
    takedowns: postgresTakedowns(pool),
    eraseClicks: (workspaceId, signal) => eraseClicks({ workspaceIds: [workspaceId] }, signal),
    committed: feed.committed,
    log: log.child({ part: 'closing' }),
  });
}

/** If a link or a workspace has more clicks than can be erased in this time, analytics finishes by itself, and the next sweep asks again. */
const eraseMs = 30_000;

/** Resolves when none of these clicks are left, and none can come. */
type EraseClicks = (
  whose: { readonly linkIds?: readonly string[]; readonly workspaceIds?: readonly string[] },
  signal: AbortSignal,
) => Promise<unknown>;

function clickEraser(config: LinkConfig, issuer: ServiceIdentity): EraseClicks {
  const { analyticsAddresses: addresses } = config;
  const analytics = meshClient(AnalyticsService, { addresses, issuer, deadlineMs: eraseMs });
  return ({ linkIds = [], workspaceIds = [] }, signal) =>
    analytics.eraseClicks({ linkIds: [...linkIds], workspaceIds: [...workspaceIds] }, { signal });
}
