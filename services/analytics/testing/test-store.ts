import type { Pool } from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { createReplicas } from '#runtime/postgres/replicas.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import type { Piece } from '../statistics/cover.ts';
import { postgresStatsStore } from '../statistics/stats-store.postgres.ts';
import { postgresStore } from '../store.postgres.ts';
import type { ClickStore, StatsStore } from '../store.ts';
import { soundBatch, type TestClick } from './clicks.ts';

export interface TestStore {
  readonly database: TestDatabase;
  readonly pool: Pool;
  readonly store: ReturnType<typeof postgresStore>;
  readonly stats: StatsStore;
}

/** The stores on a database of their own, for the tests of a file; to be called at its top. Empty until the tests run. */
export function useTestStore(): TestStore {
  const made = {} as TestStore;
  beforeAll(async () => {
    const database = await postgresFor('analytics');
    const pool = database.openPool({ max: 8, statementTimeoutMs: 20_000 });
    const stats = postgresStatsStore(createReplicas({ primary: pool, replicas: [], log: silentLog }));
    Object.assign(made, { database, pool, store: postgresStore(pool), stats });
  });
  afterAll(() => made.database.drop());
  return made;
}

/** Everything that was counted of a link in a range. */
export async function pointsOf({ stats }: TestStore, linkId: string, pieces: readonly Piece[]) {
  const [all] = await stats.points(linkId, pieces, [0]);
  return all ?? { clicks: 0, visitors: 0, bots: 0, botVisitors: 0, heads: 0, prefetches: 0 };
}

let partitions = 0;
/** A partition that no other test has. */
export const newPartition = (): number => partitions++;

/** Takes deliveries, one after the other, from a partition of its own. */
export function deliveryTo(into: Pick<ClickStore, 'take'>, notBeforeUs = 0) {
  const partition = newPartition();
  let expected: bigint | undefined;
  return async (clicks: readonly TestClick[]) => {
    const next = (expected ?? 0n) + 1n;
    const batches = [soundBatch(clicks)];
    const taken = await into.take({ topic: 'clicks', partition, expected, next, batches, notBeforeUs });
    expected = next;
    return taken;
  };
}
