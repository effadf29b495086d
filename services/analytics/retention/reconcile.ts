import { parseArgs } from 'node:util';
import { createPool } from '#runtime/postgres/pool.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { keptFrom } from '../statistics/kept.ts';
import { reconcile } from './reconcile.postgres.ts';

/** Recounts what is kept from the clicks and tells every difference; exit 1 if there is one. Changes nothing. */
const { values } = parseArgs({
  options: {
    from: { type: 'string' },
    until: { type: 'string' },
    link: { type: 'string' },
    'minutes-days': { type: 'string', default: process.env.HOP_CLICK_MINUTES_RETENTION_DAYS ?? '35' },
    url: { type: 'string' },
  },
});
const log = createLog({ instance: 'reconcile', logLevel: 'info' });
const day = (ahead: number): string => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
const { from = day(-1), until = day(1), link: linkId } = values;
const url = values.url ?? process.env.HOP_POSTGRES_PRIMARY;
const isDay = (text: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));

if (!url || !isDay(from) || !isDay(until)) {
  log.fatal(
    'usage: npm run reconcile -- [--from 2026-01-31] [--until 2026-02-01] [--link ID] [--minutes-days 35] [--url URL, else HOP_POSTGRES_PRIMARY]',
  );
  process.exitCode = 64;
} else {
  const pool = createPool(url, { name: 'reconcile', max: 1, statementTimeoutMs: 600_000, log });
  const minutesFrom = keptFrom(Date.now(), Number(values['minutes-days'])) / 1_000;
  try {
    const tell = (difference: object): void => log.error(difference, 'not what the clicks give');
    const found = await reconcile(pool, { from, until, linkId }, tell, (of) => Date.parse(of) >= minutesFrom);
    log.info({ from, until, found }, found === 0 ? 'everything agrees' : 'there are differences');
    if (found > 0) process.exitCode = 1;
  } catch (error) {
    log.fatal({ err: error }, 'the recount failed');
    process.exitCode = 2;
  } finally {
    await pool.end();
  }
}
