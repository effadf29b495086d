import { createConcurrencyLimit } from '#runtime/limits/concurrency-limit.ts';
import { keepWarm } from '#runtime/postgres/keep-warm.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { createReplicas } from '#runtime/postgres/replicas.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { AnalyticsConfig } from './config.ts';
import { postgresLiveStore } from './live/live-clicks.postgres.ts';
import { postgresEraseStore } from './retention/erase.postgres.ts';
import { postgresPartitionStore } from './retention/partitions.postgres.ts';
import { postgresClickListStore } from './statistics/click-list.postgres.ts';
import { postgresStatsStore } from './statistics/stats-store.postgres.ts';
import { postgresWorkspaceCounts, postgresWorkspaceStore } from './statistics/workspace/workspace-store.postgres.ts';
import { postgresStore } from './store.postgres.ts';

/** To each server that statistics are read from. */
export const readConnections = 4;
/** How many reads one workspace has under way, even if only one server is left. */
const readsOfOne = readConnections / 2;

/** Separate pools for writes, for queries, and for what must not wait behind those: none takes another's connections. */
export function openStores(
  { postgresPrimary, postgresReplicas }: Pick<AnalyticsConfig, 'postgresPrimary' | 'postgresReplicas'>,
  log: Log,
) {
  const writes = createPool(postgresPrimary, {
    name: 'writes',
    primary: true,
    max: 4,
    statementTimeoutMs: 10_000,
    log,
  });
  // Erasing has no time limit: it must not use the connections with which clicks are stored and salts read.
  const erasing = createPool(postgresPrimary, {
    name: 'erasing',
    primary: true,
    max: 1,
    statementTimeoutMs: 10_000,
    log,
  });
  // Short queries, many at once when all watchers reconnect.
  const live = createPool(postgresPrimary, { name: 'live', primary: true, max: 2, maxWaiting: 64, log });
  const primary = createPool(postgresPrimary, { name: 'reads', primary: true, max: readConnections, log });
  const replicas = postgresReplicas.map((url, n) =>
    createPool(url, { name: `replica-${n + 1}`, max: readConnections, log }),
  );
  // The link service does not wait long for the counts of its links: too short to open a connection for the first of them on a busy machine.
  const warm = [primary, ...replicas].map((pool) => keepWarm(pool, 1));
  const reads = createReplicas({ primary, replicas, log });
  return {
    store: postgresStore(writes),
    partitions: postgresPartitionStore(writes),
    erasure: postgresEraseStore(erasing, { asking: writes }),
    stats: postgresStatsStore(reads),
    list: postgresClickListStore(reads),
    readLimit: createConcurrencyLimit({ most: readsOfOne }),
    live: postgresLiveStore(live),
    workspaces: postgresWorkspaceStore(reads),
    workspaceCounts: postgresWorkspaceCounts(live),
    check: () => live.query('select 1'),
    async close() {
      await Promise.all(warm.map((stop) => stop()));
      await Promise.all([writes, erasing, live, primary, ...replicas].map((pool) => pool.end()));
    },
  };
}
