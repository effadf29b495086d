import { LinkSchema } from '@hopline/client';
import type { Command } from 'commander';
import { linkName, listed } from '../arguments.ts';
import type { Context } from '../context.ts';
import { jsonLine } from '../output/json.ts';
import { linkLines } from '../output/link-view.ts';
import type { Run } from '../run.ts';
import { UsageError } from '../usage-error.ts';
import { type FieldOptions, fieldsOf, withFields } from './link-fields.ts';

interface EditOptions extends FieldOptions {
  readonly to?: string;
  readonly enable?: boolean;
  readonly disable?: boolean;
  readonly clear?: string[];
  readonly etag?: string;
}

/** The values of --clear, with their names in the contract. */
const clearable = new Map([
  ['expires', 'expires_at'],
  ['max-clicks', 'max_clicks'],
  ['title', 'title'],
  ['tags', 'tags'],
]);
const clearableNames = [...clearable.keys()].join(', ');

export function editCommand(parent: Command, run: Run): void {
  withFields(parent.command('edit').argument('<link>', 'its code, or the whole short link'), 'change')
    .summary('change a link')
    .description('Changes only what is given. The change is visible everywhere within 250 ms.')
    .option('--to <url>', 'its new destination')
    .option('--enable', 'enables the link')
    .option('--disable', 'disables the link')
    .option('--clear <field>', `takes away: ${clearableNames}`, listed)
    .option('--etag <etag>', 'only if nobody has changed it since (`hop show` says it)')
    .addHelpText(
      'after',
      '\n  hop edit spring --to https://example.org/summer\n  hop edit spring --alias summer --clear expires',
    )
    .action(run(edit));
}

async function edit({ hop, terminal, signal }: Context, link: string, options: EditOptions): Promise<undefined> {
  const { to, enable, disable, etag, clear = [], domain } = options;
  if (enable && disable) throw new UsageError('--enable and --disable do not go together.');
  const unknown = clear.find((field) => !clearable.has(field));
  if (unknown) throw new UsageError(`--clear takes ${clearableNames}; not ${unknown}.`);
  const patch = {
    ...fieldsOf(options),
    ...(to === undefined ? {} : { longUrl: to }),
    ...(enable || disable ? { isActive: enable === true } : {}),
  };
  const paths = clear.map((field) => clearable.get(field) ?? field);
  if (Object.keys(patch).length + paths.length === 0) throw new UsageError('Nothing to change. See hop help edit.');
  const changed = await hop.links.updateLink(
    {
      ...linkName(link, domain),
      patch: { ...patch, ...(etag ? { etag } : {}) },
      ...(paths.length > 0 ? { updateMask: { paths } } : {}),
    },
    { signal },
  );
  if (terminal.json) terminal.out(jsonLine(LinkSchema, changed));
  else for (const line of linkLines(changed, terminal)) terminal.out(line);
}
