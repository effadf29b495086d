import { parseArgs } from 'node:util';
import { createPool } from '#runtime/postgres/pool.ts';
import { isUuid } from '#runtime/shortlink/link-key.ts';
import { createLog } from '#runtime/telemetry/log.ts';
import { postgresEraseStore } from './erase.postgres.ts';

const usage = 'usage: npm run erase -- --link ID … --workspace ID … [--url URL]';

/** What to erase, and where. Throws with what is wrong with the arguments. */
function asked() {
  const { values } = parseArgs({
    options: {
      link: { type: 'string', multiple: true, default: [] },
      workspace: { type: 'string', multiple: true, default: [] },
      url: { type: 'string' },
    },
  });
  const { link, workspace, url = process.env.HOP_POSTGRES_PRIMARY } = values;
  const wrong = [...link, ...workspace].find((id) => !isUuid(id));
  if (wrong !== undefined) throw new Error(`${wrong} is not the id of a link or workspace (a UUID).`);
  if (link.length + workspace.length === 0) throw new Error('Nothing to erase: --link or --workspace is missing.');
  if (!url) throw new Error('No database: neither --url nor HOP_POSTGRES_PRIMARY names one, and no mesh runs here.');
  return { link, workspace, url };
}

/** Erases the clicks of links and workspaces, and all that was counted of them, for good. May be run again at any time. */
async function erase({ link, workspace, url }: ReturnType<typeof asked>): Promise<void> {
  const log = createLog({ instance: 'erase', logLevel: 'info' });
  const pool = createPool(url, { name: 'erase', max: 1, statementTimeoutMs: 60_000, log });
  try {
    const store = postgresEraseStore(pool);
    await store.ask({ linkIds: link, workspaceIds: workspace });
    log.info(await store.run(), 'erased');
  } catch (error) {
    log.fatal({ err: error }, 'not everything was erased; run it again');
    process.exitCode = 1;
  } finally {
    await pool.end();
  }
}

try {
  await erase(asked());
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n${usage}\n`);
  process.exitCode = 64;
}
