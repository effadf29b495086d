import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { loadServiceIdentity } from '#runtime/caller/keyring.ts';
import { meshClient } from '#runtime/rpc/client.ts';
import { mainConfig, serve, service } from '#runtime/rpc/serve.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { analyticsConfig } from './config.ts';
import { createHandlers } from './handlers.ts';
import { startIngest } from './ingest/ingest.ts';
import { openLiveStreams } from './live/watch.ts';
import { createHousekeeping } from './retention/housekeeping.ts';
import { openStores } from './stores.ts';

const config = mainConfig(analyticsConfig);
const log = createLog(config);
const issuer = loadServiceIdentity(config);
const stores = openStores(config, log);
const { store, partitions, erasure, stats, workspaces, list, readLimit, live, workspaceCounts } = stores;
const links = meshClient(LinkService, { addresses: config.linkAddresses, issuer, deadlineMs: 1_000 });
const identity = meshClient(IdentityService, { addresses: config.identityAddresses, issuer, deadlineMs: 1_000 });
const housekeeping = createHousekeeping({ ...config, store, partitions, erasure, log });
housekeeping.start();
const ingest = startIngest(config, store, log);
const watch = openLiveStreams({ config, live, workspaceCounts, links, identity, log });

await serve({
  name: 'analytics',
  config,
  log,
  services: [
    service(
      AnalyticsService,
      createHandlers({ ...config, store, erasure, stats, workspaces, list, readLimit, streams: watch.streams, links }),
    ),
  ],
  checks: { postgres: stores.check, kafka: ingest.check },
  close: [stores.close, housekeeping.stop, ingest.close, watch.stop],
});
