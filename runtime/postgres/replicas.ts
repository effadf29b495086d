import type { Pool, PoolClient, QueryResult, QueryResultRow } from 'pg';
import type { Log } from '../telemetry/log.ts';
import { classify, inTransaction, type StoreFault, type TransactionOptions } from './pool.ts';

interface Source {
  /** "primary", or "replica-1" and so on. */
  readonly name: string;
  readonly pool: Pool;
  readonly isPrimary: boolean;
}

interface Answer<Row extends QueryResultRow> extends QueryResult<Row> {
  readonly source: Source;
}

/** A named one is parsed and planned once per connection; a name stands for one text. */
export type Statement = string | { readonly name: string; readonly text: string };

export interface Replicas {
  /** Reads from a replica, in turn; from the next when it fails; from the primary when all do. Reads only. */
  query<Row extends QueryResultRow>(statement: Statement, values?: readonly unknown[]): Promise<Answer<Row>>;
  /**
   * Several statements on one consistent snapshot: one read-only transaction on one server, chosen as for `query`. When the server fails,
   * `read` is run again on the next.
   */
  snapshot<Result>(read: (client: PoolClient) => Promise<Result>): Promise<Result>;
  /** Reads from the primary, which is never behind. */
  queryPrimary<Row extends QueryResultRow>(statement: Statement, values?: readonly unknown[]): Promise<Answer<Row>>;
}

/**
 * Errors that another server may not have; 40001 on a standby is a query that conflicted with WAL replay. A statement that times out on one
 * server usually does so on the next, so it is not retried. If the server answered nothing else meanwhile, the server is at fault.
 */
const elsewhere: ReadonlySet<StoreFault['kind']> = new Set(['unavailable', 'busy', 'serialization']);

const mostLate = 3;

interface ReplicasOptions {
  readonly primary: Pool;
  readonly replicas: readonly Pool[];
  readonly log: Log;
  /** How long a replica that could not be reached, or answered nothing in time, is skipped, in milliseconds (default 2,000). */
  readonly restMs?: number;
}

export function createReplicas({ primary, replicas, log, restMs = 2_000 }: ReplicasOptions): Replicas {
  const first: Source = { name: 'primary', pool: primary, isPrimary: true };
  const others = replicas.map((pool, index): Source => ({ name: `replica-${index + 1}`, pool, isPrimary: false }));
  const restingUntil = new Map<Source, number>();
  /** How many statements in a row have timed out. */
  const late = new Map<Source, number>();
  let turn = 0;

  function sources(now: number): Source[] {
    const start = others.length === 0 ? 0 : turn++ % others.length;
    const inTurn = [...others.slice(start), ...others.slice(0, start)];
    return [...inTurn.filter((source) => (restingUntil.get(source) ?? 0) <= now), first];
  }

  async function fromOne<Result>(read: (source: Source) => Promise<Result>): Promise<Result> {
    let fault: unknown;
    for (const source of sources(performance.now())) {
      try {
        const result = await read(source);
        late.delete(source);
        return result;
      } catch (error) {
        const { kind } = classify(error);
        const lateInARow = kind === 'timeout' ? (late.get(source) ?? 0) + 1 : 0;
        late.set(source, lateInARow);
        if (!source.isPrimary && (kind === 'unavailable' || lateInARow >= mostLate)) {
          restingUntil.set(source, performance.now() + restMs);
          log.warn({ err: error, source: source.name }, 'a replica does not answer');
        }
        if (!elsewhere.has(kind)) throw error;
        fault = error;
      }
    }
    throw fault;
  }

  return {
    query: (statement, values = []) => fromOne((source) => ask(source, statement, values)),
    snapshot: (read) => fromOne(({ pool }) => inTransaction(pool, read, ofOneMoment)),
    queryPrimary: (statement, values = []) => ask(first, statement, values),
  };
}

/** Retries are made on another server. */
const ofOneMoment: TransactionOptions = { isolation: 'repeatable read', readOnly: true, retries: 0 };

async function ask<Row extends QueryResultRow>(
  source: Source,
  statement: Statement,
  values: readonly unknown[],
): Promise<Answer<Row>> {
  const named = typeof statement === 'string' ? { text: statement } : statement;
  const result = await source.pool.query<Row>({ ...named, values: [...values] });
  return Object.assign(result, { source });
}
