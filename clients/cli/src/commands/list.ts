import { type Link, LinkSchema } from '@hopline/client';
import type { Command } from 'commander';
import { wholeNumber } from '../arguments.ts';
import type { Context } from '../context.ts';
import { jsonLine } from '../output/json.ts';
import { linkTable } from '../output/link-view.ts';
import type { Run } from '../run.ts';
import { UsageError } from '../usage-error.ts';

interface ListOptions {
  readonly search?: string;
  readonly tag?: string;
  readonly state?: string;
  readonly sort?: string;
  readonly limit: number;
  readonly all?: boolean;
  readonly domain?: string;
}

const orders: Readonly<Record<string, string>> = {
  new: 'created_at desc',
  old: 'created_at asc',
  changed: 'updated_at desc',
};
const pageSize = 200;

export function listCommand(parent: Command, run: Run): void {
  parent
    .command('ls')
    .alias('list')
    .summary('list links')
    .description(
      "Lists the workspace's links, newest first. When piped, a table whose lines are not shortened; with --json, one link on each line.",
    )
    .option('-s, --search <text>', 'only those whose title, code or destination has this')
    .option('--tag <tag>', 'only those with this label')
    .option('--state <state>', 'active, disabled, expired, used_up or deleted')
    .option('--sort <order>', 'new, old or changed')
    .option('-n, --limit <n>', 'how many at most', wholeNumber(1, 1_000_000), 50)
    .option('--all', 'all of them')
    .option('-d, --domain <host>', 'only those of this short host; without it of all')
    .action(run(list));
}

async function list({ hop, terminal, signal }: Context, options: ListOptions): Promise<undefined> {
  const { search, tag, state, sort = 'new', domain } = options;
  const orderBy = orders[sort];
  if (!orderBy) throw new UsageError(`--sort is one of ${Object.keys(orders).join(', ')}.`);
  const limit = options.all ? Number.POSITIVE_INFINITY : options.limit;
  const request = {
    pageSize: Math.min(pageSize, limit + 1),
    orderBy,
    ...(search ? { search } : {}),
    ...(tag ? { tag } : {}),
    ...(state ? { state } : {}),
    ...(domain ? { domain } : {}),
  };
  const shown: Link[] = [];
  let count = 0;
  let more = false;
  for await (const link of hop.allLinks(request, { signal })) {
    if (count === limit) {
      more = true;
      break;
    }
    count += 1;
    if (terminal.json) {
      terminal.out(jsonLine(LinkSchema, link));
      await terminal.drained(signal);
    } else {
      shown.push(link);
      if (count % pageSize === 0) terminal.progress(`${count.toLocaleString('en')} links …`);
    }
  }
  if (terminal.json) return;
  terminal.progress('');
  if (shown.length === 0) terminal.note('No links. Make one: hop create https://example.org');
  else for (const line of linkTable(shown, terminal)) terminal.out(line);
  if (more) terminal.note(`The first ${limit}; there are more: --limit, --all.`);
}
