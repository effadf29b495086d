import { currentTimeline } from '#runtime/postgres/primary.ts';

const table = "'code_blocks'::regclass::oid";

/**
 * SQL: which history of the code blocks this is. A promoted standby begins another timeline; a restored dump creates another table, in
 * another cluster or the same one, and may be older than the latest hand-outs.
 */
export const currentHistory = `(select system_identifier || '/' || ${currentTimeline} || '/' || ${table} from pg_control_system())`;

/** SQL: a pattern of the histories of this table, on whatever timeline. */
export const historiesOfThisTable = `(select system_identifier || '/%/' || ${table} from pg_control_system())`;
