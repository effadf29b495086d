import { type Click, ClickSchema } from '@hopline/client';
import type { Command } from 'commander';
import { linkName } from '../arguments.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { jsonLine } from '../output/json.ts';
import { clockText } from '../output/times.ts';
import type { Run } from '../run.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { domainOption } from './link-fields.ts';

interface TailOptions {
  readonly bots?: boolean;
  readonly domain?: string;
}

export function tailCommand(parent: Command, run: Run): void {
  parent
    .command('tail')
    .argument('<link>', 'its code, or the whole short link')
    .summary('see clicks as they come in')
    .description('Shows each click within two seconds of the link being followed, until Ctrl-C. Reconnects by itself.')
    .option('--bots', 'bots, HEAD requests and prefetches as well')
    .option(...domainOption)
    .action(run(tail));
}

async function tail({ hop, terminal, signal }: Context, link: string, { bots, domain }: TailOptions): Promise<number> {
  const name = linkName(link, domain);
  const clicks = hop.liveClicks(
    { ...name, ...(bots ? { includeBots: true } : {}) },
    {
      signal,
      onLive: () => terminal.note(`Watching ${harmless(name.code)}; Ctrl-C ends.`),
      onBreak: ({ message }) => terminal.note(`No connection (${message}); trying again …`),
      onSkipped: (count) => terminal.note(`${count.toLocaleString('en')} more, too many at once to show.`),
    },
  );
  for await (const click of clicks)
    terminal.out(terminal.json ? jsonLine(ClickSchema, click) : clickLine(click, terminal));
  return signal.aborted ? exitCodes.interrupted : exitCodes.ok;
}

function clickLine(click: Click, { paint }: Terminal): string {
  const place = [click.city, click.region, click.country].filter((part) => part !== '').join(', ') || 'somewhere';
  const kind = click.bot ? 'bot' : click.head ? 'HEAD' : click.prefetch ? 'prefetch' : '';
  const parts = [
    paint.dim(clockText(click.at)),
    paint.cyan(harmless(place)),
    harmless([click.browser, click.operatingSystem].filter((part) => part !== '').join(' on ')) || 'unknown browser',
    click.referrer === '' ? '' : `from ${harmless(click.referrer)}`,
    paint.yellow(kind),
  ];
  return parts.filter((part) => part !== '').join('  ');
}
