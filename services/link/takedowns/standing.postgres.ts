import type { Pool, PoolClient } from 'pg';
import type { Subject } from './subjects.ts';

/** SQL: none of the subjects in the parameter, a text[], is taken down. */
export const noneStands = (parameter: string): string =>
  `not exists (select from takedowns where subject = any(${parameter}::text[]))`;

/** Which of the subjects are taken down. */
export async function standingAmong(db: Pool | PoolClient, subjects: readonly Subject[]): Promise<Set<Subject>> {
  const { rows } = await db.query<{ subject: Subject }>(
    'select subject from takedowns where subject = any($1::text[])',
    [subjects],
  );
  return new Set(rows.map(({ subject }) => subject));
}
