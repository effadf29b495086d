import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { WorkspaceService } from '#gen/identity/v1/workspace_service_pb.ts';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { loadServiceIdentity } from '#runtime/caller/keyring.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { meshClient } from '#runtime/rpc/client.ts';
import { mainConfig, serve, service } from '#runtime/rpc/serve.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { startHandover } from './accounts/closed-workspaces.ts';
import { identityConfig } from './config.ts';
import { createIdentity } from './identity.ts';
import { openSigningKeys } from './sessions/signing-keys.ts';
import { postgresStore } from './store.postgres.ts';
import { startSweeper } from './sweeper.ts';

const config = mainConfig(identityConfig);
const log = createLog(config);
// The password queue is the bottleneck, and says when to retry: the pool's queue is longer.
const maxWaiting = 4 * config.hashQueue;
const pool = createPool(config.postgresPrimary, { primary: true, max: config.postgresConnections, maxWaiting, log });
const store = postgresStore(pool);
const signingKeys = openSigningKeys(config.jwtKeysFile, {
  log,
  pollMs: config.jwtKeysPollMs,
  publishMs: config.jwtKeyPublishMs,
});
const sweeper = startSweeper({ store, graceMs: config.refreshGraceMs, intervalMs: config.sweepMs, log });
const links = meshClient(LinkService, { addresses: config.linkAddresses, issuer: loadServiceIdentity(config) });
const close = (workspaceId: string, signal: AbortSignal) => links.closeWorkspace({ workspaceId }, { signal });
const handover = startHandover({ store, close, log });
const { identity, workspaces } = await createIdentity({ config, store, signingKeys, log, onDeleted: handover.wake });

await serve({
  name: 'identity',
  config,
  log,
  services: [service(IdentityService, identity), service(WorkspaceService, workspaces)],
  checks: { postgres: () => pool.query('select 1') },
  close: [() => pool.end(), () => signingKeys.stop(), () => sweeper.stop(), () => handover.stop()],
});
