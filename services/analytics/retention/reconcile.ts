import { parseArgs } from 'node:util';
import { databaseUrl, runDatabaseCommand } from '#runtime/postgres/command.ts';
import { isUuid } from '#runtime/shortlink/link-key.ts';
import { reconcile } from './reconcile.postgres.ts';

const usage = 'usage: npm run reconcile -- [--from 2026-01-31] [--until 2026-02-01] [--link ID] [--url URL]';

/** What to recount, and where. Throws with what is wrong with the arguments. */
function asked() {
  const { values } = parseArgs({
    options: {
      from: { type: 'string', default: day(-1) },
      until: { type: 'string', default: day(1) },
      link: { type: 'string' },
      url: { type: 'string' },
    },
  });
  const { from, until, link: linkId, url } = values;
  for (const [name, text] of Object.entries({ from, until }))
    if (!isDay(text)) throw new Error(`--${name} ${text} is not a day like ${day(0)}.`);
  if (linkId !== undefined && !isUuid(linkId)) throw new Error(`--link ${linkId} is not the id of a link (a UUID).`);
  return { from, until, linkId, url: databaseUrl(url) };
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
  async run({ from, until, linkId }, pool, log) {
    const found = await reconcile(
      pool,
      { from, until, linkId },
      (difference) => log.error(difference, 'not what the clicks give'),
      (of) => log.warn({ day: of }, 'the clicks of this day are no longer kept'),
    );
    log.info({ from, until, found }, found === 0 ? 'everything agrees' : 'there are differences');
    if (found > 0) process.exitCode = 1;
  },
  failure: { message: 'the recount failed', exitCode: 2 },
});
