import { DomainSchema } from '@hopline/client';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { jsonLine } from '../output/json.ts';
import type { Run } from '../run.ts';

export function domainsCommand(parent: Command, run: Run): void {
  parent
    .command('domains')
    .summary('list the short hosts')
    .description(
      'Lists the short hosts that links can be made on; the first is the one that a link is made on without --domain.',
    )
    .action(run(domains));
}

async function domains({ hop, terminal, signal }: Context): Promise<undefined> {
  const listed = await hop.links.listDomains({}, { signal });
  for (const domain of listed.domains) {
    if (terminal.json) terminal.out(jsonLine(DomainSchema, domain));
    else terminal.out(domain.isDefault ? `${domain.name}  ${terminal.paint.dim('default')}` : domain.name);
  }
}
