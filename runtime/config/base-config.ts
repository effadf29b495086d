import { address, type ConfigOf, defineConfig, file, oneOf, optional, text, url } from './config.ts';

/** What every process needs; spread it into a process's own declaration. */
export const baseConfig = defineConfig({
  /** The name of this process, for example resolver-1; it is on every log line and metric. */
  instance: text('HOP_INSTANCE', { pattern: /^[a-z][a-z0-9-]{0,62}$/ }),
  grpcAddress: address('HOP_GRPC_ADDRESS'),
  metricsAddress: address('HOP_METRICS_ADDRESS'),
  logLevel: oneOf('HOP_LOG_LEVEL', ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], { default: 'info' }),
  /** Where spans are sent (OTLP over gRPC); absent: nothing is traced, the trace context is still passed on. */
  otlpEndpoint: optional(url('HOP_OTLP_ENDPOINT')),
  serviceKeyFile: file('HOP_SERVICE_KEY_FILE'),
  callerKeysFile: file('HOP_CALLER_KEYS_FILE'),
});

export type BaseConfig = ConfigOf<typeof baseConfig>;
