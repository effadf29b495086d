import { LinkSchema } from '@hopline/client';
import type { Command } from 'commander';
import { linkName } from '../arguments.ts';
import type { Context } from '../context.ts';
import { jsonLine } from '../output/json.ts';
import { linkLines } from '../output/link-view.ts';
import type { Run } from '../run.ts';
import { domainOption } from './link-fields.ts';

export function showCommand(parent: Command, run: Run): void {
  parent
    .command('show')
    .argument('<link>', 'its code, or the whole short link')
    .summary('show all that is known of a link')
    .description('Shows where a link leads, what state it is in, and all else that is known of it.')
    .option(...domainOption)
    .action(run(show));
}

async function show(
  { hop, terminal, signal }: Context,
  link: string,
  { domain }: { domain?: string },
): Promise<undefined> {
  const found = await hop.links.getLink(linkName(link, domain), { signal });
  if (terminal.json) terminal.out(jsonLine(LinkSchema, found));
  else for (const line of linkLines(found, terminal)) terminal.out(line);
}
