import { HoplineError, LinkSchema } from '@hopline/client';
import type { Command } from 'commander';
import { explain } from '../advice.ts';
import { type LinkName, linkName } from '../arguments.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { errorLine, jsonLine } from '../output/json.ts';
import type { Run } from '../run.ts';
import { harmless } from '../terminal.ts';
import { domainOption } from './link-fields.ts';

interface Options {
  readonly domain?: string;
}

export function removeCommands(parent: Command, run: Run): void {
  parent
    .command('rm')
    .argument('<link...>', 'codes, or whole short links')
    .alias('delete')
    .summary('delete links')
    .description(
      'Deletes links. They stop working at once, their codes stay taken, and they can be restored for 30 days.',
    )
    .option(...domainOption)
    .action(run(remove));
  parent
    .command('restore')
    .argument('<link...>', 'codes, or whole short links')
    .summary('bring deleted links back')
    .description('Brings links back that were deleted less than 30 days ago.')
    .option(...domainOption)
    .action(run(restore));
}

const remove = (context: Context, links: string[], options: Options) =>
  each(context, links, options, async (name) => {
    await context.hop.links.deleteLink(name, { signal: context.signal });
    return context.terminal.json
      ? JSON.stringify({ ...name, deleted: true })
      : `${harmless(name.code)} is deleted; \`hop restore\` brings it back`;
  });

const restore = (context: Context, links: string[], options: Options) =>
  each(context, links, options, async (name) => {
    const link = await context.hop.links.undeleteLink(name, { signal: context.signal });
    return context.terminal.json ? jsonLine(LinkSchema, link) : `${link.shortUrl} is ${link.state} again`;
  });

/** One after another; a single one that fails fails the command, with several the others are still done. */
async function each(
  { url, terminal, signal }: Context,
  links: readonly string[],
  { domain }: Options,
  work: (name: LinkName) => Promise<string>,
): Promise<number | undefined> {
  // All are parsed first: what is not a link is reported before anything is done.
  const names = links.map((link) => linkName(link, domain));
  let failed = 0;
  for (const name of names) {
    try {
      terminal.out(await work(name));
    } catch (error) {
      if (links.length === 1 || signal.aborted || !(error instanceof HoplineError)) throw error;
      failed += 1;
      const words = `${harmless(name.code)}: ${explain(error, url).join('\n  ')}`;
      terminal.note(terminal.json ? errorLine(error, { ...name }) : words);
    }
  }
  return failed > 0 ? exitCodes.someFailed : undefined;
}
