/** SQL: the database's timeline, as eight hexadecimal digits. Fails on a standby, which has none of its own. */
export const currentTimeline = 'left(pg_walfile_name(pg_current_wal_lsn()), 8)';

/** SQL: the identity of this primary, as a text: its cluster and timeline. A promoted standby is another primary; on a standby this fails. */
export const currentPrimary = `((select system_identifier from pg_control_system()) || '-' || ${currentTimeline})`;
