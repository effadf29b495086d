import { once } from 'node:events';
import { Redis } from 'ioredis';
import type { Log } from '../telemetry/log.ts';

export type { Redis } from 'ioredis';

export interface RedisClientOptions {
  /** The connection's name at the server. */
  readonly name: string;
  /** A command that takes longer has failed (default 50). */
  readonly commandTimeoutMs?: number;
  /** To open the connection (default 500). */
  readonly connectTimeoutMs?: number;
  readonly log: Log;
}

const longestRetryMs = 1_000;

/**
 * One connection that fails fast: while Redis is away a command is refused at once instead of queued, and none is retried automatically. It
 * reconnects by itself, at most a second after Redis is back.
 */
export function createRedis(url: string, options: RedisClientOptions): Redis {
  const { name, commandTimeoutMs = 50, connectTimeoutMs = 500, log } = options;
  const redis = new Redis(url, {
    connectionName: name,
    commandTimeout: commandTimeoutMs,
    connectTimeout: connectTimeoutMs,
    // A hanging server answers nothing, and commands would pile up: open a new connection.
    socketTimeout: Math.max(1_000, 5 * commandTimeoutMs),
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    autoResendUnfulfilledCommands: false,
    keepAlive: 10_000,
    noDelay: true,
    retryStrategy: (attempt) => Math.min(longestRetryMs, 50 * attempt) + Math.random() * 50,
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
  let lastFault = '';
  redis.on('error', (error: Error) => {
    // The same fault recurs with every attempt to reconnect.
    if (error.message === lastFault) return;
    lastFault = error.message;
    log.warn({ err: error, redis: name }, 'Redis is not reachable');
  });
  redis.on('ready', () => {
    lastFault = '';
    log.info({ redis: name }, 'Redis is reachable');
  });
  return redis;
}

/** Resolves once commands are accepted; rejects after the timeout. */
export async function whenReady(redis: Redis, timeoutMs = 5_000): Promise<void> {
  if (redis.status === 'ready') return;
  await once(redis, 'ready', { signal: AbortSignal.timeout(timeoutMs) });
}
