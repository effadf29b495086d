import { type ApiKey, ApiKeySchema, timestampFromDate } from '@hopline/client';
import type { Command } from 'commander';
import { endMoment, listed } from '../arguments.ts';
import type { Context } from '../context.ts';
import { jsonLine } from '../output/json.ts';
import { type Column, table } from '../output/table.ts';
import { whenText } from '../output/times.ts';
import type { Run } from '../run.ts';
import { harmless } from '../terminal.ts';

interface CreateOptions {
  readonly scope: string[];
  readonly expires?: Date;
}

const usualScopes = ['links:read', 'links:write', 'stats:read'];

export function keysCommand(parent: Command, run: Run): void {
  const keys = parent
    .command('keys')
    .summary('API keys, for programs')
    .description('API keys let programs act for you.');
  keys.command('ls').summary('list your keys').description('Lists your keys, without their secrets.').action(run(list));
  keys
    .command('create')
    .argument('<name>', 'a name for people')
    .summary('make a key')
    .description('Creates a key and shows its secret, once.')
    .option(
      '--scope <scope>',
      `links:read, links:write, links:resolve, stats:read, keys:write, workspace:admin; without it ${usualScopes.join(', ')}`,
      listed,
    )
    .option('--expires <moment>', 'when it expires: 2026-12-31, or after a length of time: 90d', (text) =>
      endMoment(text),
    )
    .action(run(create));
  keys
    .command('rm')
    .argument('<id>', 'as `hop keys ls` shows it')
    .summary('delete a key')
    .description('Deletes a key; it is refused everywhere within 5 s.')
    .action(run(remove));
}

async function list({ hop, terminal, signal }: Context): Promise<undefined> {
  const { apiKeys } = await hop.identity.listApiKeys({}, { signal });
  if (terminal.json) {
    for (const key of apiKeys) terminal.out(jsonLine(ApiKeySchema, key));
    return;
  }
  const { paint, width } = terminal;
  const columns: Column<ApiKey>[] = [
    { title: 'ID', text: ({ id }) => id },
    { title: 'NAME', text: ({ name }) => harmless(name), least: 16, paint: paint.cyan },
    { title: 'SECRET', text: ({ prefix }) => `${prefix}…`, spare: 2 },
    { title: 'SCOPES', text: ({ scopes }) => scopes.join(' '), least: 16, spare: 1 },
    { title: 'LAST USED', text: ({ lastUsedAt }) => whenText(lastUsedAt), spare: 3 },
    { title: 'ENDS', text: ({ expiresAt }) => whenText(expiresAt), spare: 4 },
  ];
  if (apiKeys.length === 0) terminal.note('No keys. Make one: hop keys create "nightly import"');
  else for (const line of table(columns, apiKeys, { width, head: paint.bold })) terminal.out(line);
}

async function create(
  { hop, terminal, signal }: Context,
  name: string,
  { scope, expires }: CreateOptions,
): Promise<undefined> {
  const request = { name, scopes: scope ?? usualScopes, ...(expires ? { expiresAt: timestampFromDate(expires) } : {}) };
  const key = await hop.identity.createApiKey(request, { signal });
  terminal.out(terminal.json ? jsonLine(ApiKeySchema, key) : (key.secret ?? ''));
  terminal.note('The secret is shown only once. Use it: HOP_API_KEY=… hop ls');
}

async function remove({ hop, terminal, signal }: Context, id: string): Promise<undefined> {
  await hop.identity.deleteApiKey({ id }, { signal });
  terminal.out(
    terminal.json ? JSON.stringify({ id, deleted: true }) : `${harmless(id)} is refused everywhere within 5 s`,
  );
}
