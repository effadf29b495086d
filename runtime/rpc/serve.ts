import { writeSync } from 'node:fs';
import { ProcessService } from '#gen/status/v1/process_service_pb.ts';
import { loadKeyring } from '../caller/keyring.ts';
import type { BaseConfig } from '../config/base-config.ts';
import { type Address, ConfigError, type ConfigOf, type ConfigSpec, loadConfig } from '../config/config.ts';
import { createProcessStatus } from '../status/process-service.ts';
import { observeHeap } from '../telemetry/heap.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { startMetrics } from '../telemetry/metrics.ts';
import { startTracing } from '../telemetry/tracing.ts';
import { type Registration, service } from './endpoint.ts';
import { takeGrpcLog } from './server/grpc-log.ts';
import type { Check, Health } from './server/health.ts';
import { startServer } from './server/server.ts';

export { service, serviceInPart } from './endpoint.ts';

export interface ServeOptions {
  /** For the log only: what this process is. */
  readonly name: string;
  readonly config: BaseConfig;
  readonly services: readonly Registration[];
  readonly log?: Log;
  /** What to close once the calls are over: in reverse order, each with a time limit. */
  readonly close?: readonly (() => unknown)[];
  /** What this process depends on; reported by the health service under `dependency/<name>`. */
  readonly checks?: Readonly<Record<string, Check>>;
  /** Full names of methods whose successes are logged at level debug. */
  readonly hot?: readonly string[];
  /** Per message (default 4 MiB). */
  readonly maxResponseBytes?: number;
}

export interface Running {
  readonly address: Address;
  readonly health: Health;
  /** Does what SIGTERM does, without ending the process. */
  stop(): Promise<void>;
}

/** sysexits.h: the configuration is wrong. */
const exitConfig = 78;
const closeLimitMs = 5_000;

/** The configuration of a process; if the environment is unusable, prints its faults on standard error and exits with 78. */
export function mainConfig<const Spec extends ConfigSpec>(spec: Spec): ConfigOf<Spec> {
  try {
    return loadConfig(spec);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    writeSync(2, `${error.message}\n`);
    process.exit(exitConfig);
  }
}

/** Serves until SIGTERM or SIGINT: then NOT_SERVING, drain, close in reverse, exit 0. A second signal exits at once. */
export async function serve(options: ServeOptions): Promise<Running> {
  const { config, name } = options;
  const log = options.log ?? createLog(config);
  exitOnFault(log);
  takeGrpcLog(log);
  const tracing = await startTracing(config);
  const metrics = await startMetrics(config);
  const heap = observeHeap();
  const status = createProcessStatus({ instance: config.instance, read: metrics.read, log });
  const services = [...options.services, service(ProcessService, status.handlers)];
  const server = await startServer({
    ...options,
    services,
    hot: [...(options.hot ?? []), `${ProcessService.typeName}/${ProcessService.method.getProcessStatus.name}`],
    address: config.grpcAddress,
    keyring: loadKeyring(config.callerKeysFile),
    log,
  });
  log.info({ address: server.address, services: services.map(({ typeName }) => typeName) }, `${name} serves`);
  const closing = [
    () => tracing.stop(),
    () => metrics.stop(),
    async () => heap(),
    () => status.stop(),
    ...(options.close ?? []),
  ];
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      await server.stop();
      for (const close of closing.toReversed()) await closeOne(close, log);
      log.info(`${name} has stopped`);
    })();
    return stopped;
  };
  stopOnSignal(stop, log);
  return { address: server.address, health: server.health, stop };
}

function stopOnSignal(stop: () => Promise<void>, log: Log): void {
  let asked = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (asked) process.exit(1);
      asked = true;
      log.info({ signal }, 'stopping');
      void stop().then(() => process.exit(0));
    });
  }
}

/** A process in an unknown state must not go on serving. */
function exitOnFault(log: Log): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, event);
      process.exit(1);
    });
  }
}

async function closeOne(close: () => unknown, log: Log): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not closed in ${closeLimitMs} ms`)), closeLimitMs);
  });
  try {
    await Promise.race([close(), late]);
  } catch (error) {
    log.warn({ err: error }, 'a resource did not close');
  } finally {
    clearTimeout(timer);
  }
}
