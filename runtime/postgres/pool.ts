import pg, { type ClientBase, type Pool, type PoolClient } from 'pg';
import { HopError, internal, unavailable } from '../errors/errors.ts';
import type { Log } from '../telemetry/log.ts';
import { observe } from '../telemetry/metrics.ts';
import { metric } from '../telemetry/schema.ts';

export interface PoolOptions {
  /** For metrics and pg_stat_activity (default: the user of the URL). */
  readonly name?: string;
  /** Connections (default 10). */
  readonly max?: number;
  /** How many callers may wait for a connection; more are refused at once with a PoolBusyError (default 4 × max). */
  readonly maxWaiting?: number;
  /** Enforced by Postgres, and slightly later on this side in case Postgres cannot (default 2,000). */
  readonly statementTimeoutMs?: number;
  /** To open a connection or wait for one (default 1,000). */
  readonly connectTimeoutMs?: number;
  /**
   * The connections must lead to the primary: one that reaches a standby, because a name or an address has not moved yet, is refused as
   * unavailable and closed. The next one resolves the name anew.
   */
  readonly primary?: boolean;
  /** Called when a caller begins to wait for a connection; the returned function is called when the wait is over. */
  readonly onWait?: () => () => void;
  readonly log: Log;
}

/** The pool and its queue are full: shed the work, nothing was done. */
export class PoolBusyError extends Error {
  override readonly name = 'PoolBusyError';
}

type ConnectCallback = Parameters<Pool['connect']>[0];

class BoundedPool extends pg.Pool {
  readonly #maxWaiting: number;
  readonly #onWait: PoolOptions['onWait'];

  constructor(config: pg.PoolConfig, maxWaiting: number, onWait: PoolOptions['onWait']) {
    super(config);
    this.#maxWaiting = maxWaiting;
    this.#onWait = onWait;
  }

  override connect(): Promise<PoolClient>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<PoolClient> | undefined {
    // A connection that is idle, or can still be opened, stays so until the next tick: earlier callers in this one are queued for it.
    const free = this.idleCount + this.options.max - this.totalCount;
    const ahead = this.waitingCount - free;
    if (ahead >= this.#maxWaiting) {
      const busy = new PoolBusyError(`${ahead} already wait for a connection.`);
      if (!callback) return Promise.reject(busy);
      process.nextTick(callback, busy, undefined, () => {});
      return;
    }
    const waited = ahead >= 0 ? this.#onWait?.() : undefined;
    if (!callback) return waited ? super.connect().finally(waited) : super.connect();
    if (!waited) return void super.connect(callback);
    super.connect((error, client, done) => {
      waited();
      callback(error, client, done);
    });
  }
}

/** A bounded pool. A connection that dies while idle or checked out is logged and replaced; it never ends the process. */
export function createPool(url: string, options: PoolOptions): Pool {
  const { max = 10, statementTimeoutMs = 2_000, connectTimeoutMs = 1_000, log } = options;
  const name = options.name ?? new URL(url).username;
  const pool = new BoundedPool(
    {
      connectionString: url,
      application_name: name,
      max,
      connectionTimeoutMillis: connectTimeoutMs,
      idleTimeoutMillis: 30_000,
      maxLifetimeSeconds: 3_600,
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + 500,
      // A stalled process must not hold its locks longer than the role allows (compose/postgres/bootstrap.sql).
      idle_in_transaction_session_timeout: Math.min(statementTimeoutMs * 5, 15_000),
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      ...(options.primary ? { onConnect: requirePrimary } : {}),
    },
    options.maxWaiting ?? 4 * max,
    options.onWait,
  );
  const note = (error: Error): void => log.warn({ err: error, pool: name }, 'a connection to Postgres was lost');
  pool.on('error', note);
  pool.on('connect', (client) => {
    client.on('error', note);
  });
  observePool(pool, name);
  return pool;
}

/** libpq's target_session_attrs=primary, which pg lacks. */
async function requirePrimary(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ standby: boolean }>('select pg_is_in_recovery() as standby');
  if (rows[0]?.standby) throw new StandbyError('This server is a standby, not the primary.');
}

class StandbyError extends Error {
  override readonly name = 'StandbyError';
  /** read_only_sql_transaction, the error that the first write would have got. */
  readonly code = '25006';
}

function observePool(pool: Pool, name: string): void {
  const release = [
    observe(metric.poolConnections, { pool: name, state: 'busy' }, () => pool.totalCount - pool.idleCount),
    observe(metric.poolConnections, { pool: name, state: 'idle' }, () => pool.idleCount),
    observe(metric.poolConnections, { pool: name, state: 'waiting' }, () => pool.waitingCount),
  ];
  const end = pool.end.bind(pool) as () => Promise<void>;
  pool.end = (async () => {
    for (const stop of release) stop();
    await end();
  }) as Pool['end'];
}

export interface TransactionOptions {
  /** Default: read committed. */
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readonly readOnly?: boolean;
  /** How often to retry after a serialization failure or a deadlock (default 2). fn must be safe to run again. */
  readonly retries?: number;
}

/** Runs fn in one transaction: committed when it resolves, rolled back when it rejects. */
export async function inTransaction<Result>(
  pool: Pool,
  fn: (client: PoolClient) => Promise<Result>,
  options: TransactionOptions = {},
): Promise<Result> {
  const begin = `begin isolation level ${options.isolation ?? 'read committed'}${options.readOnly ? ' read only' : ''}`;
  for (let left = options.retries ?? 2; ; left--) {
    try {
      return await attempt(pool, begin, fn);
    } catch (error) {
      if (left <= 0 || classify(error).kind !== 'serialization') throw error;
      await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 20));
    }
  }
}

async function attempt<Result>(
  pool: Pool,
  begin: string,
  fn: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(begin);
    const result = await fn(client);
    await client.query('commit');
    return result;
  } catch (error) {
    // A connection to a server that cannot do the work now, because it is a standby or is shutting down, is not reused.
    if (classify(error).kind === 'unavailable') broken = error as Error;
    else
      await client.query('rollback').catch((cause: Error) => {
        broken = cause;
      });
    throw error;
  } finally {
    client.release(broken);
  }
}

type StoreFaultKind =
  | 'unique'
  | 'foreign_key'
  | 'check'
  | 'serialization'
  | 'timeout'
  | 'busy'
  | 'unavailable'
  | 'other';

export interface StoreFault {
  readonly kind: StoreFaultKind;
  /** The violated constraint. */
  readonly constraint?: string;
}

const faultsByCode: Readonly<Record<string, StoreFaultKind>> = {
  '23505': 'unique',
  '23503': 'foreign_key',
  '23514': 'check',
  '23502': 'check',
  '40001': 'serialization',
  '40P01': 'serialization',
  '57014': 'timeout',
  '55P03': 'timeout',
  // A primary that became a standby accepts no writes.
  '25006': 'unavailable',
  '25P03': 'unavailable',
};
/**
 * 08 connection, 28 login refused, 3D000 no such database, 53 insufficient resources, 57P shutting down or starting, 58 system or I/O
 * error, and errors of the socket, or of TLS about the server's certificate.
 */
const lost =
  /^(08|28|3D000|53|57P|58)|^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)|^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;
/** pg gives these no code. */
const lostMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered|Cannot use a pool|Client was closed|The server does not support SSL)/;

/** The kind of fault that a query's error is. */
export function classify(error: unknown): StoreFault {
  if (error instanceof PoolBusyError) return { kind: 'busy' };
  if (!(error instanceof Error)) return { kind: 'other' };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const constraint =
    'constraint' in error && typeof error.constraint === 'string' ? { constraint: error.constraint } : {};
  const kind =
    faultsByCode[code] ?? (code === '55000' && /^recovery is in progress/.test(error.message) && 'unavailable');
  if (kind) return { kind, ...constraint };
  return { kind: lost.test(code) || lostMessages.test(error.message) ? 'unavailable' : 'other' };
}

/** The error that a caller gets for a store's fault; a HopError is passed on unchanged. */
export function storeError(error: unknown): HopError {
  if (error instanceof HopError) return error;
  switch (classify(error).kind) {
    case 'busy':
      return unavailable('OVERLOADED', 'Too much is being asked of the database just now.', 1_000, error);
    case 'unavailable':
    case 'timeout':
    case 'serialization':
      return unavailable('DEPENDENCY_UNAVAILABLE', 'The database does not answer.', 1_000, error);
    default:
      return internal(error);
  }
}
