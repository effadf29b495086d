/** The database's clock as a column, for requireClock (clock.ts). */
export const nowMs = 'extract(epoch from now())::float8 * 1000 as now_ms';
