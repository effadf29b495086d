import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { loadServiceIdentity } from '#runtime/caller/keyring.ts';
import { kafkaAccess } from '#runtime/kafka/config.ts';
import { createProducer } from '#runtime/kafka/producer.ts';
import { meshClient } from '#runtime/rpc/client.ts';
import { mainConfig, serve } from '#runtime/rpc/serve.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { openClickPath } from './clicks/click-path.ts';
import { edgeConfig } from './config.ts';
import { openHotSet } from './hot/open-hot-set.ts';
import { largestAnswer } from './hot/xds/control-plane.ts';

const config = mainConfig(edgeConfig);
const log = createLog(config);
const issuer = loadServiceIdentity(config);
const analytics = meshClient(AnalyticsService, { addresses: config.analyticsAddresses, issuer, deadlineMs: 1_000 });
const links = meshClient(LinkService, { addresses: config.linkAddresses, issuer, deadlineMs: 1_000 });
const producer = createProducer({ ...kafkaAccess(config), clientId: config.instance, log });
const hot = await openHotSet({ config, links, log: log.child({ part: 'hot' }) });
const clicks = await openClickPath({ config, producer, analytics, log, tap: hot.tap });

await serve({
  name: 'gateway-edge',
  config,
  log,
  services: hot.services,
  maxResponseBytes: largestAnswer(config),
  checks: { ...clicks.checks, ...hot.checks },
  close: [() => producer.close(), () => clicks.stop(), () => hot.stop()],
});
await Promise.all([clicks.run(), hot.run()]);
