import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { linkName } from '../arguments.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Run } from '../run.ts';
import { harmless } from '../terminal.ts';
import { domainOption } from './link-fields.ts';

interface OpenOptions {
  readonly preview?: boolean;
  readonly domain?: string;
}

export function openCommand(parent: Command, run: Run): void {
  parent
    .command('open')
    .argument('<link>', 'its code, or the whole short link')
    .summary('follow a link in the browser')
    .description('Opens the short link in the browser, which counts as a click. BROWSER names another browser.')
    .option('-p, --preview', 'the page that says where it leads; counts nothing')
    .option(...domainOption)
    .action(run(open));
}

async function open({ hop, terminal, signal, variables }: Context, link: string, { preview, domain }: OpenOptions) {
  const { shortUrl } = await hop.links.getLink(linkName(link, domain), { signal });
  const address = preview ? `${shortUrl}+` : shortUrl;
  const [command, ...args] = openerOf(variables.BROWSER);
  const target = browsable(address);
  const opened = await new Promise<boolean>((resolve) => {
    const child = spawn(command, [...args, target], { stdio: 'ignore', detached: true });
    child.on('error', () => resolve(false));
    child.on('spawn', () => resolve(true));
    child.unref();
  });
  terminal.out(terminal.json ? JSON.stringify({ url: address, opened }) : address);
  if (opened) return undefined;
  terminal.note(`There is no ${command} here to open it with; set BROWSER to the one to use.`);
  return exitCodes.failed;
}

/**
 * The address as a browser may be given it. An installation must not have files or programs opened, nor anything run where a shell reads it
 * (on Windows).
 */
export function browsable(address: string): string {
  const url = URL.parse(address);
  if (url && /^https?:$/.test(url.protocol) && !/[&|<>^"'`]/.test(url.href)) return url.href;
  throw new Error(`The installation gives an address that is no short link: ${harmless(address)}`);
}

/** The command that opens a URL on this system. */
function openerOf(browser: string | undefined): [string, ...string[]] {
  if (browser) return [browser];
  if (process.platform === 'darwin') return ['open'];
  // `start` would take a quoted first argument for a title.
  if (process.platform === 'win32') return ['cmd', '/c', 'start', ''];
  return ['xdg-open'];
}
