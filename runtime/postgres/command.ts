import type { Pool } from 'pg';
import { createLog, type Log } from '../telemetry/log.ts';
import { createPool } from './pool.ts';

/** A command with which an operator works on the database itself. */
export interface DatabaseCommand<Order extends { readonly url: string }> {
  readonly name: string;
  readonly usage: string;
  /** Whether it needs the primary (default false). */
  readonly primary?: boolean;
  readonly statementTimeoutMs: number;
  /** Parses the arguments. Throws with what is wrong with them: exit 64. */
  asked(): Order;
  /** Throws NotThereError when what the order names is not there. */
  run(order: Order, pool: Pool, log: Log): Promise<void>;
  /** What is logged when the command rejects, and the exit code. */
  readonly failure: { readonly message: string; readonly exitCode: number };
}

/** What the arguments name is not there: they are wrong, so running the command again does not help. Exit 64. */
export class NotThereError extends Error {
  override name = 'NotThereError';
}

/** The database that a command works on, from its --url. Throws if neither that nor the environment names one. */
export function databaseUrl(url = process.env.HOP_POSTGRES_PRIMARY): string {
  if (!url) throw new Error('No database: neither --url nor HOP_POSTGRES_PRIMARY names one, and no mesh runs here.');
  return url;
}

/** Runs the command of this process on one connection. */
export async function runDatabaseCommand<Order extends { readonly url: string }>(
  command: DatabaseCommand<Order>,
): Promise<void> {
  try {
    await runOrder(command, command.asked());
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${command.usage}\n`);
    process.exitCode = 64;
  }
}

async function runOrder<Order extends { readonly url: string }>(
  { name, run, failure, primary = false, statementTimeoutMs }: DatabaseCommand<Order>,
  order: Order,
): Promise<void> {
  const log = createLog({ instance: name, logLevel: 'info' });
  const pool = createPool(order.url, { name, max: 1, primary, statementTimeoutMs, log });
  try {
    await run(order, pool, log);
  } catch (error) {
    if (error instanceof NotThereError) throw error;
    log.fatal({ err: error }, failure.message);
    process.exitCode = failure.exitCode;
  } finally {
    await pool.end();
  }
}
