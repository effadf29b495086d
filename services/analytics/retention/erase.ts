import { parseArgs } from 'node:util';
import { databaseUrl, runDatabaseCommand } from '#runtime/postgres/command.ts';
import { isUuid } from '#runtime/shortlink/link-key.ts';
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
  const { link, workspace, url } = values;
  const wrong = [...link, ...workspace].find((id) => !isUuid(id));
  if (wrong !== undefined) throw new Error(`${wrong} is not the id of a link or workspace (a UUID).`);
  if (link.length + workspace.length === 0) throw new Error('Nothing to erase: --link or --workspace is missing.');
  return { link, workspace, url: databaseUrl(url) };
}

/** Erases the clicks of links and workspaces, and everything counted from them, for good; later ones are not counted. Safe to repeat at any time. */
await runDatabaseCommand({
  name: 'erase',
  usage,
  asked,
  statementTimeoutMs: 60_000,
  async run({ link, workspace }, pool, log) {
    const store = postgresEraseStore(pool);
    await store.ask({ linkIds: link, workspaceIds: workspace });
    log.info(await store.run([...link, ...workspace]), 'erased');
  },
  failure: { message: 'not everything was erased; run it again', exitCode: 1 },
});
