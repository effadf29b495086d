import { parseArgs } from 'node:util';
import { createPool } from '#runtime/postgres/pool.ts';
import { isUuid } from '#runtime/shortlink/link-key.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { postgresEraseStore } from './erase.postgres.ts';

/** Erases the clicks of links and workspaces, and all that was counted of them, for good. May be run again at any time. */
const { values } = parseArgs({
  options: {
    link: { type: 'string', multiple: true, default: [] },
    workspace: { type: 'string', multiple: true, default: [] },
    url: { type: 'string' },
  },
});
const log = createLog({ instance: 'erase', logLevel: 'info' });
const url = values.url ?? process.env.HOP_POSTGRES_PRIMARY;
const ids = [...values.link, ...values.workspace];

if (!url || ids.length === 0 || !ids.every((id) => isUuid(id))) {
  log.fatal('usage: npm run erase -- --link ID … --workspace ID … [--url URL, else HOP_POSTGRES_PRIMARY]');
  process.exitCode = 64;
} else {
  const pool = createPool(url, { name: 'erase', max: 1, statementTimeoutMs: 60_000, log });
  try {
    const store = postgresEraseStore(pool);
    await store.ask({ linkIds: values.link, workspaceIds: values.workspace });
    log.info(await store.run(), 'erased');
  } catch (error) {
    log.fatal({ err: error }, 'not everything was erased; run it again');
    process.exitCode = 1;
  } finally {
    await pool.end();
  }
}
