import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { PagesService } from '#gen/pages/v1/pages_service_pb.ts';
import { Authorization } from '#gen-envoy/service/auth/v3/external_auth_pb.ts';
import { loadServiceIdentity } from '#runtime/caller/keyring.ts';
import { meshClient } from '#runtime/rpc/client.ts';
import { mainConfig, serve, service } from '#runtime/rpc/serve.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { createAuthorization } from './authz/handlers.ts';
import { authenticateByIdentity } from './authz/identity.ts';
import { accessConfig } from './config.ts';
import { createSite } from './pages/files.ts';
import { createPages } from './pages/handlers.ts';
import { meshParts } from './pages/health-client.ts';
import { createReadiness } from './pages/readiness.ts';

const config = mainConfig(accessConfig);
const log = createLog(config);
const issuer = loadServiceIdentity(config);
const identity = meshClient(IdentityService, {
  address: config.identityAddress,
  issuer,
  deadlineMs: config.identityTimeoutMs,
});
const authentication = authenticateByIdentity({ identity, config, log });
const parts = meshParts(config);

await serve({
  name: 'gateway-access',
  config,
  log,
  services: [
    service(Authorization, createAuthorization({ ...authentication, issuer, log }), { access: 'edge' }),
    service(PagesService, createPages({ site: createSite(config), readiness: createReadiness({ parts }) })),
  ],
  hot: ['envoy.service.auth.v3.Authorization/Check'],
  close: [() => authentication.stop(), ...parts.map((part) => () => part.close())],
});
