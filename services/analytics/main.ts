import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { loadServiceIdentity } from '#runtime/caller/keyring.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { createReplicas } from '#runtime/postgres/replicas.ts';
import { meshClient } from '#runtime/rpc/client.ts';
import { mainConfig, serve, service } from '#runtime/rpc/serve.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { analyticsConfig } from './config.ts';
import { createHandlers } from './handlers.ts';
import { createHousekeeping } from './housekeeping.ts';
import { startIngest } from './ingest.ts';
import { postgresStatsStore } from './stats-store.postgres.ts';
import { postgresStore } from './store.postgres.ts';

const config = mainConfig(analyticsConfig);
const log = createLog(config);
const issuer = loadServiceIdentity(config);
const writes = createPool(config.postgresPrimary, { name: 'writes', max: 4, statementTimeoutMs: 10_000, log });
const primary = createPool(config.postgresPrimary, { name: 'reads', max: 4, log });
const replicas = config.postgresReplicas.map((url, n) => createPool(url, { name: `replica-${n + 1}`, max: 4, log }));
const store = postgresStore(writes);
const stats = postgresStatsStore(createReplicas({ primary, replicas, log }));
const links = meshClient(LinkService, { address: config.linkAddress, issuer, deadlineMs: 1_000 });
const housekeeping = createHousekeeping({ ...config, store, log });
housekeeping.start();
const ingest = startIngest(config, store, log);

await serve({
  name: 'analytics',
  config,
  log,
  services: [service(AnalyticsService, createHandlers({ store, stats, links }))],
  checks: { postgres: () => primary.query('select 1') },
  close: [() => Promise.all([writes, primary, ...replicas].map((pool) => pool.end())), housekeeping.stop, ingest.close],
});
