import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import { loadServiceIdentity } from '#runtime/caller/keyring.ts';
import { createProducer } from '#runtime/kafka/kafka.ts';
import { meshClient } from '#runtime/rpc/client.ts';
import { mainConfig, serve } from '#runtime/rpc/serve.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { openClickPath } from './clicks/click-path.ts';
import { edgeConfig } from './config.ts';

const config = mainConfig(edgeConfig);
const log = createLog(config);
const issuer = loadServiceIdentity(config);
const analytics = meshClient(AnalyticsService, { address: config.analyticsAddress, issuer, deadlineMs: 1_000 });
const producer = createProducer({ brokers: config.kafkaBrokers, clientId: config.instance, log });
const clicks = await openClickPath({ config, producer, analytics, log });

await serve({
  name: 'gateway-edge',
  config,
  log,
  services: [],
  checks: clicks.checks,
  close: [() => producer.close(), () => clicks.stop()],
});
await clicks.run();
