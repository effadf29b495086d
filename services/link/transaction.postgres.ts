import type { Pool, PoolClient } from 'pg';
import { inTransaction, storeError } from '#runtime/postgres/pool.ts';
import type { ChangeOutcome, CreateOutcome } from './store.ts';

type Refusal = Exclude<(CreateOutcome | ChangeOutcome)['outcome'], 'created' | 'replayed' | 'changed' | 'unchanged'>;

/** Thrown to leave a transaction whose outcome is known and which must not be committed. */
export class Abandoned extends Error {
  readonly outcome: Refusal;
  constructor(outcome: Refusal) {
    super(outcome);
    this.outcome = outcome;
  }
}

/** Runs in one transaction; an abandoned one is rolled back and its outcome returned. */
export async function transaction<Outcome>(
  pool: Pool,
  run: (client: PoolClient) => Promise<Outcome>,
): Promise<Outcome> {
  try {
    return await inTransaction(pool, run);
  } catch (error) {
    if (error instanceof Abandoned) return { outcome: error.outcome } as Outcome;
    throw storeError(error);
  }
}

/** Runs one statement; a failure becomes the error that a caller gets. */
export async function guarded<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    throw storeError(error);
  }
}
