import { Server, ServerCredentials, type ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import type { Keyring } from '../../caller/keyring.ts';
import { createVerifier } from '../../caller/token.ts';
import type { Address } from '../../config/config.ts';
import { unavailable } from '../../errors/errors.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Registration } from '../endpoint.ts';
import { explained } from '../status.ts';
import { bridge, type Host } from './bridge.ts';
import { createCallObserver } from './call-observer.ts';
import { type Check, type Health, serveHealth } from './health.ts';

export interface ServerOptions {
  readonly address: Address;
  readonly services: readonly Registration[];
  readonly keyring: Keyring;
  readonly log: Log;
  readonly hot?: readonly string[];
  readonly checks?: Readonly<Record<string, Check>>;
  /** How often each of them is checked (default 2,000). */
  readonly checkEveryMs?: number;
  /** Per message (default 4 MiB). */
  readonly maxResponseBytes?: number;
}

export interface RunningServer {
  /** The listening address; for port 0, with the port that was assigned. */
  readonly address: Address;
  readonly health: Health;
  /** NOT_SERVING, then ends streams, gives calls drainMs (default 25,000) to finish, then closes connections. */
  stop(drainMs?: number): Promise<void>;
}

const mebibyte = 1_048_576;
const maxRequestBytes = mebibyte;
/** grpc-js refuses before the caller is known, so it is left only what is grossly too large: this many times the largest request. */
const refusedUnread = 4;
const drainLimitMs = 25_000;
/** For the last responses to leave the process after the last call has its status. */
const flushMs = 250;

/** A grpc-js server with limits on everything, and its health service. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  refuseTwins(options.services);
  const observer = createCallObserver({ log: options.log, hot: new Set(options.hot ?? []) });
  const host: Host = { verify: createVerifier(options.keyring), observer, maxRequestBytes, streams: new Set() };
  const server = new Server({
    'grpc.max_receive_message_length': refusedUnread * maxRequestBytes,
    'grpc.max_send_message_length': options.maxResponseBytes ?? 4 * mebibyte,
    'grpc.max_concurrent_streams': 1_000,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.enable_channelz': 0,
    interceptors: [explainRefusals],
  });
  for (const registration of options.services) bridge(server, registration, host);
  const services = options.services.map(({ typeName }) => typeName);
  const health = serveHealth(server, {
    services,
    checks: options.checks ?? {},
    log: options.log,
    intervalMs: options.checkEveryMs ?? 2_000,
  });
  const port = await bind(server, options.address);
  health.set(true);
  return {
    address: { host: options.address.host, port },
    health,
    async stop(drainMs = drainLimitMs) {
      health.set(false);
      const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      for (const end of host.streams) end(unavailable('SHUTTING_DOWN', 'This process is shutting down.', 0));
      await settled(() => observer.inFlight() === 0, drainMs);
      // Streams of the health service never end by themselves.
      await Promise.race([closed, after(flushMs)]);
      server.forceShutdown();
      health.stop();
      observer.stop();
    },
  };
}

/** The call itself, not a wrapper around it: that would be in the way of every message. */
const explainRefusals: ServerInterceptor = (_method, call) => {
  const send = call.sendStatus;
  call.sendStatus = (status) => send.call(call, explained(status));
  return call as ServerInterceptingCall;
};

function refuseTwins(services: readonly Registration[]): void {
  const seen = new Set<string>();
  for (const { typeName } of services) {
    if (seen.has(typeName)) throw new Error(`The service ${typeName} is registered twice.`);
    seen.add(typeName);
  }
}

function bind(server: Server, { host, port }: Address): Promise<number> {
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(new Error(`Cannot listen on ${target}.`, { cause: error }));
      else resolve(bound);
    });
  });
}

async function settled(condition: () => boolean, limitMs: number): Promise<void> {
  const end = Date.now() + limitMs;
  while (!condition() && Date.now() < end) await after(20);
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
