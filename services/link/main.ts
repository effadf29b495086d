import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { loadServiceIdentity } from '#runtime/caller/keyring.ts';
import { mainConfig, serve, service } from '#runtime/rpc/serve.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { linkConfig } from './config.ts';
import { startLinkService } from './link-service.ts';

const config = mainConfig(linkConfig);
const log = createLog(config);
const { handlers, checks, close } = await startLinkService(config, log, loadServiceIdentity(config));
await serve({
  name: 'link',
  config,
  log,
  services: [service(LinkService, handlers)],
  hot: ['hop.link.v1.LinkService/TakeClick'],
  checks,
  close,
});
