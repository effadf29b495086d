import { type Workspace, WorkspaceSchema } from '@hopline/client';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { jsonLine } from '../output/json.ts';
import { type Column, table } from '../output/table.ts';
import { ask, askSecret, firstLine, refuseWithoutTerminal } from '../prompt.ts';
import type { Run } from '../run.ts';
import { harmless } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

interface DeleteOptions {
  readonly yes?: boolean;
  readonly stdin?: boolean;
}

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
    .command('create')
    .argument('<name>', 'what it is called')
    .summary('create a workspace')
    .description('Creates a workspace of yours. You stay where you are: `hop workspaces use` goes there.')
    .action(run(create));
  workspaces
    .command('rename')
    .argument('<name>', 'the new name')
    .summary('rename the workspace')
    .description('Renames the workspace that you are in.')
    .action(run(rename));
  workspaces
    .command('rm')
    .argument('<workspace>', 'its name, or the id as `hop workspaces ls` shows it')
    .summary('delete a workspace, for good')
    .description(
      'Deletes a workspace that you own, for all of its members: sessions and API keys end, its links stop working, and their clicks are erased. This cannot be undone. Asks for its name and your password.',
    )
    .option('-y, --yes', 'do not ask for the name')
    .option('--stdin', 'the password is the first line of the input; goes with --yes')
    .action(run(remove));
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
  const { id } = await workspaceNamed(context, named);
  shown(terminal, await hop.useWorkspace(id), 'You are in');
}

async function create({ hop, terminal, signal }: Context, name: string): Promise<undefined> {
  const workspace = await hop.workspaces.createWorkspace({ name }, { signal });
  if (terminal.json) terminal.out(jsonLine(WorkspaceSchema, workspace));
  else terminal.out(harmless(`${workspace.name} is created; \`hop workspaces use ${workspace.id}\` goes there.`));
}

async function rename({ hop, terminal, signal }: Context, name: string): Promise<undefined> {
  shown(terminal, await hop.workspaces.updateWorkspace({ name }, { signal }), 'It is called');
}

function shown(terminal: Context['terminal'], workspace: Workspace, words: string): void {
  if (terminal.json) terminal.out(jsonLine(WorkspaceSchema, workspace));
  else terminal.out(harmless(`${words} ${workspace.name} now, as ${workspace.role}.`));
}

async function remove(context: Context, named: string, { yes, stdin }: DeleteOptions): Promise<undefined> {
  const { hop, url, settings, terminal, signal } = context;
  if (stdin && !yes) throw new UsageError('--stdin goes with --yes.');
  if (!stdin) refuseWithoutTerminal('--yes and --stdin');
  const { id, name } = await workspaceNamed(context, named);
  const { workspace: current } = await hop.identity.getCurrentUser({}, { signal });
  if (!yes) await confirm(context, name);
  const currentPassword = stdin ? await firstLine(signal) : await askSecret('Password: ', signal);
  await hop.workspaces.deleteWorkspace({ id, currentPassword }, { signal });
  const isOver = id === current?.id;
  if (isOver) settings.forget(url);
  if (terminal.json) terminal.out(JSON.stringify({ id, deleted: true }));
  else terminal.out(harmless(`${name} is deleted.`));
  if (isOver) terminal.note('You were in it, so you are signed out; `hop login` leads to another workspace of yours.');
}

/** More than a mere "y": whoever types it has read which workspace it is. */
async function confirm({ terminal, signal }: Context, name: string): Promise<void> {
  terminal.note(
    harmless(`This deletes ${name} for good, for all of its members, with all API keys, links and statistics.`),
  );
  const typed = await ask('Its name, to confirm: ', signal);
  if (typed.trim() !== name.trim()) throw new UsageError('That is another name; nothing was deleted.');
}

/** Names need not be unique: everybody begins with a workspace called Personal. */
async function workspaceNamed({ hop, signal }: Context, named: string): Promise<Workspace> {
  const { workspaces } = await hop.workspaces.listWorkspaces({}, { signal });
  const byId = workspaces.find(({ id }) => id === named.toLowerCase());
  const byName = workspaces.filter(({ name }) => name.toLowerCase() === named.toLowerCase());
  const [found, another] = byId ? [byId] : byName;
  if (found && !another) return found;
  const problem = found ? 'Several of your workspaces are called' : 'You belong to no workspace';
  throw new UsageError(`${problem} "${harmless(named)}"; \`hop workspaces ls\` lists them with their ids.`);
}
