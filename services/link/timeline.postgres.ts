/** SQL: which history of the database this is, as eight hexadecimal digits. A standby has none of its own, and refuses. */
export const currentTimeline = 'left(pg_walfile_name(pg_current_wal_lsn()), 8)';
