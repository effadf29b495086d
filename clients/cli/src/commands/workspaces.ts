import { type Workspace, WorkspaceSchema } from '@hopline/client';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { jsonLine } from '../output/json.ts';
import { type Column, table } from '../output/table.ts';
import type { Run } from '../run.ts';
import { harmless } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

export function workspacesCommand(parent: Command, run: Run): void {
  const workspaces = parent
    .command('workspaces')
    .summary('the workspaces you belong to')
    .description('A session is in one workspace: what you make belongs to it.');
  workspaces
    .command('ls')
    .summary('list your workspaces')
    .description('Lists the workspaces that you belong to.')
    .action(run(list));
  workspaces
    .command('use')
    .argument('<workspace>', 'its name, or the id as `hop workspaces ls` shows it')
    .summary('go on in another workspace')
    .description('Moves your session to another workspace; the next `hop login` leads there, too.')
    .action(run(use));
  workspaces
    .command('rename')
    .argument('<name>', 'the new name')
    .summary('rename the workspace')
    .description('Renames the workspace that you are in.')
    .action(run(rename));
}

async function list({ hop, terminal, signal }: Context): Promise<undefined> {
  const { workspaces } = await hop.workspaces.listWorkspaces({}, { signal });
  if (terminal.json) {
    for (const workspace of workspaces) terminal.out(jsonLine(WorkspaceSchema, workspace));
    return;
  }
  const { workspace: current } = await hop.identity.getCurrentUser({}, { signal });
  const { paint, width } = terminal;
  const columns: Column<Workspace>[] = [
    { title: 'NAME', text: ({ name }) => harmless(name), least: 16, paint: paint.cyan },
    { title: 'ROLE', text: ({ role }) => role },
    { title: 'ID', text: ({ id }) => id, spare: 1 },
    { title: '', text: ({ id }) => (id === current?.id ? 'you are here' : '') },
  ];
  for (const line of table(columns, workspaces, { width, head: paint.bold })) terminal.out(line);
}

async function use(context: Context, named: string): Promise<undefined> {
  const { hop, terminal } = context;
  shown(terminal, await hop.useWorkspace(await idNamed(context, named)), 'You are in');
}

async function rename({ hop, terminal, signal }: Context, name: string): Promise<undefined> {
  shown(terminal, await hop.workspaces.updateWorkspace({ name }, { signal }), 'It is called');
}

function shown(terminal: Context['terminal'], workspace: Workspace, words: string): void {
  if (terminal.json) terminal.out(jsonLine(WorkspaceSchema, workspace));
  else terminal.out(harmless(`${words} ${workspace.name} now, as ${workspace.role}.`));
}

/** Names need not be unique: everybody begins with a workspace called Personal. */
async function idNamed({ hop, signal }: Context, named: string): Promise<string> {
  const { workspaces } = await hop.workspaces.listWorkspaces({}, { signal });
  const byId = workspaces.find(({ id }) => id === named.toLowerCase());
  const byName = workspaces.filter(({ name }) => name.toLowerCase() === named.toLowerCase());
  const [found, another] = byId ? [byId] : byName;
  if (found && !another) return found.id;
  const problem = found ? 'Several of your workspaces are called' : 'You belong to no workspace';
  throw new UsageError(`${problem} "${harmless(named)}"; \`hop workspaces ls\` lists them with their ids.`);
}
