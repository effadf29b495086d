import { currentTimeline } from '#runtime/postgres/primary.ts';

/**
 * SQL: which history of the code blocks this is. A promoted standby begins another timeline; a restored dump creates another table, in
 * another cluster or the same one, and may be older than the latest hand-outs.
 */
export const currentHistory = `(select system_identifier || '/' || ${currentTimeline} || '/' || 'code_blocks'::regclass::oid from pg_control_system())`;
