import { LinkSchema } from '@hopline/client';
import type { Command } from 'commander';
import { printable, wholeNumber } from '../arguments.ts';
import type { Context } from '../context.ts';
import { jsonLine } from '../output/json.ts';
import type { Run } from '../run.ts';
import { createMany } from './create-many.ts';
import { type FieldOptions, fieldsOf, withFields } from './link-fields.ts';

interface CreateOptions extends FieldOptions {
  readonly concurrency: number;
  readonly key?: string;
}

const manual = `
With "-" in place of the URL, a link is made for each line of the input: a URL, then perhaps an alias, or a JSON object with the
fields of the REST call. The short links come out in the order of the input; what fails goes to stderr with its line. With --key,
the same input can be run again after a break and makes nothing twice (within 24 hours).

  hop create https://example.org/spring --alias spring --tag sale
  hop create - < urls.txt > short.txt`;

export function createCommand(parent: Command, run: Run): void {
  withFields(parent.command('create').argument('<url>', 'where it leads; "-" reads many from the input'), 'make')
    .alias('new')
    .summary('make a link, or many')
    .description('Makes a link and says what it is.')
    .option('--concurrency <n>', 'of many: how many at once', wholeNumber(1, 64), 8)
    .option('--key <text>', 'of many: makes running it again safe', printable)
    .addHelpText('after', manual)
    .action(run(create));
}

async function create(context: Context, url: string, options: CreateOptions): Promise<number | undefined> {
  const common = { ...fieldsOf(options), ...(options.domain ? { domain: options.domain } : {}) };
  if (url === '-') return await createMany(context, common, options);
  const { hop, terminal, signal } = context;
  const link = await hop.links.createLink(
    { longUrl: url, ...common },
    { signal, ...(options.key ? { headers: { 'idempotency-key': options.key } } : {}) },
  );
  terminal.out(terminal.json ? jsonLine(LinkSchema, link) : link.shortUrl);
  return undefined;
}
