import { parseArgs } from 'node:util';
import { databaseUrl, runDatabaseCommand } from '#runtime/postgres/command.ts';
import { isUuid } from '#runtime/shortlink/link-key.ts';
import { retainedFrom } from '../statistics/retained.ts';
import { reconcile } from './reconcile.postgres.ts';

const usage =
  'usage: npm run reconcile -- [--from 2026-01-31] [--until 2026-02-01] [--link ID] [--minutes-days 35] [--url URL]';

/** What to recount, and where. Throws with what is wrong with the arguments. */
function asked() {
  const { values } = parseArgs({
    options: {
      from: { type: 'string', default: day(-1) },
      until: { type: 'string', default: day(1) },
      link: { type: 'string' },
      'minutes-days': { type: 'string', default: process.env.HOP_CLICK_MINUTES_RETENTION_DAYS ?? '35' },
      url: { type: 'string' },
    },
  });
  const { from, until, link: linkId, 'minutes-days': minutesDays, url } = values;
  for (const [name, text] of Object.entries({ from, until }))
    if (!isDay(text)) throw new Error(`--${name} ${text} is not a day like ${day(0)}.`);
  if (linkId !== undefined && !isUuid(linkId)) throw new Error(`--link ${linkId} is not the id of a link (a UUID).`);
  if (!/^\d+$/.test(minutesDays)) throw new Error(`--minutes-days ${minutesDays} is not a number of days.`);
  return { from, until, linkId, minutesDays: Number(minutesDays), url: databaseUrl(url) };
}

function day(ahead: number): string {
  return new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));
}

/** Recounts the rollups from the clicks and reports every difference; exit 1 if there is one. Changes nothing. */
await runDatabaseCommand({
  name: 'reconcile',
  usage,
  asked,
  statementTimeoutMs: 600_000,
  async run({ from, until, linkId, minutesDays }, pool, log) {
    const minutesFrom = retainedFrom(Date.now(), minutesDays) / 1_000;
    const tell = (difference: object): void => log.error(difference, 'not what the clicks give');
    const found = await reconcile(pool, { from, until, linkId }, tell, (of) => Date.parse(of) >= minutesFrom);
    log.info({ from, until, found }, found === 0 ? 'everything agrees' : 'there are differences');
    if (found > 0) process.exitCode = 1;
  },
  failure: { message: 'the recount failed', exitCode: 2 },
});
