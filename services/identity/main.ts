import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { mainConfig, serve, service } from '#runtime/rpc/serve.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { identityConfig } from './config.ts';
import { createIdentity } from './identity.ts';
import { openSigningKeys } from './sessions/signing-keys.ts';
import { postgresStore } from './store.postgres.ts';
import { startSweeper } from './sweeper.ts';

const config = mainConfig(identityConfig);
const log = createLog(config);
// The queue of passwords is the narrow place, and the one that says when to come back: the pool's is wider.
const maxWaiting = 4 * config.hashQueue;
const pool = createPool(config.postgresPrimary, { primary: true, max: config.postgresConnections, maxWaiting, log });
const store = postgresStore(pool);
const signingKeys = openSigningKeys(config.jwtKeysFile, {
  log,
  pollMs: config.jwtKeysPollMs,
  publishMs: config.jwtKeyPublishMs,
});
const sweeper = startSweeper({ store, graceMs: config.refreshGraceMs, intervalMs: config.sweepMs, log });
const identity = await createIdentity({ config, store, signingKeys, log });

await serve({
  name: 'identity',
  config,
  log,
  services: [service(IdentityService, identity)],
  checks: { postgres: () => pool.query('select 1') },
  close: [() => pool.end(), () => signingKeys.stop(), () => sweeper.stop()],
});
