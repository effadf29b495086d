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

/** Pools of their own for what is written, what is asked, and what must not wait behind it: none takes another's connections. */
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
  // To erase takes as long as it takes: it must not have what clicks are stored and salts are read with.
  const erasing = createPool(postgresPrimary, {
    name: 'erasing',
    primary: true,
    max: 1,
    statementTimeoutMs: 10_000,
    log,
  });
  // Short questions, many at once when all watchers come again.
  const live = createPool(postgresPrimary, { name: 'live', primary: true, max: 2, maxWaiting: 64, log });
  const primary = createPool(postgresPrimary, { name: 'reads', primary: true, max: 4, log });
  const replicas = postgresReplicas.map((url, n) => createPool(url, { name: `replica-${n + 1}`, max: 4, log }));
  const reads = createReplicas({ primary, replicas, log });
  return {
    store: postgresStore(writes),
    partitions: postgresPartitionStore(writes),
    erasure: postgresEraseStore(erasing, { asking: writes }),
    stats: postgresStatsStore(reads),
    list: postgresClickListStore(reads),
    live: postgresLiveStore(live),
    workspaces: postgresWorkspaceStore(reads),
    workspaceCounts: postgresWorkspaceCounts(live),
    check: () => live.query('select 1'),
    close: () => Promise.all([writes, erasing, live, primary, ...replicas].map((pool) => pool.end())),
  };
}
