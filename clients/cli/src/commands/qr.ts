import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { encode, renderSVG } from 'uqr';
import { linkName, wholeNumber } from '../arguments.ts';
import type { Context } from '../context.ts';
import { blocksOf } from '../qr/blocks.ts';
import { pngOf } from '../qr/png.ts';
import type { Run } from '../run.ts';
import type { Terminal } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';
import { domainOption } from './link-fields.ts';

interface QrOptions {
  readonly output?: string;
  readonly size: number;
  readonly domain?: string;
}

/** Readable with up to a quarter of it dirty or covered. */
const ecc = 'Q';
/** Scanners need four white modules around it. */
const border = 4;

export function qrCommand(parent: Command, run: Run): void {
  parent
    .command('qr')
    .argument('<link>', 'its code, or the whole short link')
    .summary('a QR code of a link: here, or as SVG or PNG')
    .description('Draws the QR code of the short link in the terminal, or writes it to a file.')
    .option('-o, --output <file>', 'a file ending in .svg or .png')
    .option('--size <pixels>', 'of a PNG: its least width', wholeNumber(100, 4_096), 512)
    .option(...domainOption)
    .action(run(qr));
}

async function qr(
  { hop, terminal, signal }: Context,
  link: string,
  { output, size, domain }: QrOptions,
): Promise<undefined> {
  const kind = output === undefined ? undefined : /\.(svg|png)$/i.exec(output)?.[1]?.toLowerCase();
  if (output !== undefined && kind === undefined) throw new UsageError('The file ends in .svg or .png.');
  const { shortUrl } = await hop.links.getLink(linkName(link, domain), { signal });
  const { data } = encode(shortUrl, { ecc, border });
  if (output === undefined) {
    if (terminal.json)
      terminal.out(JSON.stringify({ short_url: shortUrl, modules: data.map((row) => row.map(Number)) }));
    else drawIn(terminal, data, shortUrl);
    return;
  }
  writeFileSync(output, kind === 'png' ? pngOf(data, size) : renderSVG(shortUrl, { ecc, border }));
  terminal.out(terminal.json ? JSON.stringify({ short_url: shortUrl, file: output }) : `${shortUrl} is in ${output}`);
}

function drawIn({ width, paint, out }: Terminal, modules: readonly (readonly boolean[])[], shortUrl: string): void {
  if (modules.length > width) {
    throw new UsageError(
      `The window is ${width} columns wide; the code needs ${modules.length}. Or write it: -o code.svg`,
    );
  }
  for (const line of blocksOf(modules)) out(paint.whiteOnBlack(line));
  out(shortUrl);
}
