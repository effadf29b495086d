/** SQL: which timeline the database is on, as eight hexadecimal digits. A standby has none of its own, and refuses. */
export const currentTimeline = 'left(pg_walfile_name(pg_current_wal_lsn()), 8)';

/** SQL: which primary this is, as a text: its cluster and timeline. A standby that was promoted is another one; one that is none refuses. */
export const currentPrimary = `((select system_identifier from pg_control_system()) || '-' || ${currentTimeline})`;
