import { PagesService } from '#gen/pages/v1/pages_service_pb.ts';
import { ResolverService } from '#gen/resolver/v1/resolver_service_pb.ts';
import { mainConfig, serve, service, serviceInPart } from '#runtime/rpc/serve.ts';
import { createDomains } from '#runtime/shortlink/link-key.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { resolverConfig } from './config.ts';
import { createHandlers } from './handlers.ts';
import { readiness } from './readiness.ts';
import { startResolverService } from './resolver-service.ts';

const config = mainConfig(resolverConfig);
const log = createLog(config);
const { checks, close, ...parts } = startResolverService(config, log);
const unknownCodesLimit = config.unknownCodes.calls;
const handlers = createHandlers({ ...parts, unknownCodesLimit, domains: createDomains(config) });
await serve({
  name: 'resolver',
  config,
  log,
  services: [service(ResolverService, handlers), serviceInPart(PagesService, readiness)],
  hot: ['hop.resolver.v1.ResolverService/Redirect'],
  checks,
  close,
});
