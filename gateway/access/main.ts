import { PagesService } from '#gen/pages/v1/pages_service_pb.ts';
import { StatusService } from '#gen/status/v1/status_service_pb.ts';
import { Authorization } from '#gen-envoy/service/auth/v3/external_auth_pb.ts';
import { RateLimitService } from '#gen-envoy/service/ratelimit/v3/rls_pb.ts';
import { loadServiceIdentity } from '#runtime/caller/keyring.ts';
import { mainConfig, serve, service } from '#runtime/rpc/serve.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { createAuthorization } from './authz/handlers.ts';
import { authenticateByIdentity, identityClient } from './authz/identity.ts';
import { accessConfig } from './config.ts';
import { configuredAddresses, createEndpointFinder } from './discovery.ts';
import { loadDashboard } from './pages/dashboard.ts';
import { createSite } from './pages/files.ts';
import { createPages } from './pages/handlers.ts';
import { createPartFinder } from './pages/health-client.ts';
import { createReadiness } from './pages/readiness.ts';
import { createRateLimits } from './ratelimit/handlers.ts';
import { sharedBuckets } from './ratelimit/shared-buckets.ts';
import { createStatus } from './status/handlers.ts';
import { createMeshStatus } from './status/mesh-status.ts';
import { createProcessFinder } from './status/processes.ts';

const config = mainConfig(accessConfig);
const log = createLog(config);
const issuer = loadServiceIdentity(config);
const authentication = authenticateByIdentity({ identity: identityClient(config, issuer), config, log });
const find = createEndpointFinder(configuredAddresses(config));
const parts = createPartFinder(async () => (await find()).filter(({ kind }) => kind !== 'gateway-access'));
const status = createMeshStatus({ find: createProcessFinder(find, issuer) });
const dashboard = config.dashboardDir === undefined ? undefined : loadDashboard(config.dashboardDir);
const site = createSite({ ...config, dashboard });
const { buckets, checks, close } = sharedBuckets(config, log);

await serve({
  name: 'gateway-access',
  config,
  log,
  services: [
    service(Authorization, createAuthorization({ ...authentication, buckets, issuer, log }), { access: 'edge' }),
    service(RateLimitService, createRateLimits({ buckets }), { access: 'edge' }),
    service(PagesService, createPages({ site, readiness: createReadiness(parts) })),
    service(StatusService, createStatus({ status, operators: config.operatorWorkspaces })),
  ],
  hot: ['envoy.service.auth.v3.Authorization/Check', 'envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit'],
  checks,
  close: [...close, () => authentication.stop(), parts.close],
});
