import { currentTimeline } from '#runtime/postgres/primary.ts';

/**
 * SQL: which history of the code blocks this is. A promoted standby begins another timeline; a dump that was restored makes another
 * table, in another cluster or the same one, and may be older than what was handed out last.
 */
export const currentHistory = `(select system_identifier || '/' || ${currentTimeline} || '/' || 'code_blocks'::regclass::oid from pg_control_system())`;
