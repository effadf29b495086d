import { type Invitation, InvitationSchema, WorkspaceSchema } from '@hopline/client';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { jsonLine } from '../output/json.ts';
import { type Column, table } from '../output/table.ts';
import { whenText } from '../output/times.ts';
import { ask, firstLine } from '../prompt.ts';
import type { Run } from '../run.ts';
import { harmless } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

interface CreateOptions {
  readonly role: string;
  readonly for?: string;
}

interface JoinOptions {
  readonly yes?: boolean;
}

export function invitationCommands(parent: Command, run: Run): void {
  const invitations = parent
    .command('invitations')
    .alias('invites')
    .summary('let people into the workspace')
    .description('Invitations let other people become members of the workspace that you are in.');
  invitations
    .command('ls')
    .summary('list open invitations')
    .description('Lists the invitations that nobody has accepted yet, without their secrets.')
    .action(run(list));
  invitations
    .command('create')
    .option('--role <role>', 'owner, admin, member or viewer', 'member')
    .option('--for <name>', 'whom it is for, in your words')
    .summary('invite somebody')
    .description(
      'Creates an invitation and shows its link, once. One person can accept it, within 7 days. Nothing is sent: pass the link on.',
    )
    .action(run(create));
  invitations
    .command('rm')
    .argument('<id>', 'as `hop invitations ls` shows it')
    .summary('take an invitation back')
    .description('Takes an invitation back; nobody can accept it any more.')
    .action(run(remove));
  parent
    .command('join')
    .argument('<invitation>', 'the link or the secret of an invitation; "-" reads it from the first line of the input')
    .option('-y, --yes', 'do not ask')
    .summary('accept an invitation')
    .description('Shows what an invitation is for, accepts it, and goes on in that workspace.')
    .action(run(join));
}

async function list({ hop, terminal, signal }: Context): Promise<undefined> {
  const { invitations } = await hop.workspaces.listInvitations({}, { signal });
  if (terminal.json) {
    for (const invitation of invitations) terminal.out(jsonLine(InvitationSchema, invitation));
    return;
  }
  const { paint, width } = terminal;
  const columns: Column<Invitation>[] = [
    { title: 'ID', text: ({ id }) => id },
    { title: 'FOR', text: ({ name }) => harmless(name), least: 16, paint: paint.cyan },
    { title: 'ROLE', text: ({ role }) => role },
    { title: 'BY', text: ({ invitedBy }) => harmless(invitedBy), least: 12, spare: 2 },
    { title: 'ENDS', text: ({ expiresAt }) => whenText(expiresAt), spare: 1 },
  ];
  if (invitations.length === 0) terminal.note('No open invitations. Make one: hop invitations create --for Ada');
  else for (const line of table(columns, invitations, { width, head: paint.bold })) terminal.out(line);
}

async function create({ hop, terminal, signal }: Context, { role, for: name = '' }: CreateOptions): Promise<undefined> {
  const invitation = await hop.workspaces.createInvitation({ role, name }, { signal });
  terminal.out(terminal.json ? jsonLine(InvitationSchema, invitation) : (invitation.url ?? ''));
  terminal.note('The link is shown only once. Pass it on: whoever has it, and an account, can join within 7 days.');
}

async function remove({ hop, terminal, signal }: Context, id: string): Promise<undefined> {
  await hop.workspaces.deleteInvitation({ id }, { signal });
  terminal.out(terminal.json ? JSON.stringify({ id, deleted: true }) : `${harmless(id)} can no longer be accepted`);
}

async function join(context: Context, given: string, { yes = false }: JoinOptions): Promise<undefined> {
  const { hop, terminal, signal, variables } = context;
  if (!yes && (given === '-' || !process.stdin.isTTY))
    throw new UsageError('There is no terminal to ask in. Give --yes.');
  const secret = secretOf(given === '-' ? await firstLine(signal) : given);
  const { workspace, invitedBy, isMember } = await hop.workspaces.lookUpInvitation({ secret }, { signal });
  terminal.note(harmless(`${invitedBy} invites you to ${workspace?.name}, as ${workspace?.role}.`));
  if (isMember) throw new UsageError('You are a member already: `hop workspaces use` goes there.');
  if (!yes && !/^y(?:es)?$/i.test((await ask('Join? [y/N] ', signal)).trim()))
    throw new UsageError('Not joined; the invitation stays open.');
  const joined = await hop.workspaces.acceptInvitation({ secret }, { signal });
  // A token of one's own stays in its workspace; only a stored session can move.
  const isMoved = !variables.HOP_TOKEN;
  if (isMoved) await hop.useWorkspace(joined.id);
  if (terminal.json) terminal.out(jsonLine(WorkspaceSchema, joined));
  else terminal.out(harmless(`You ${isMoved ? 'are in' : 'belong to'} ${joined.name} now, as ${joined.role}.`));
  if (!isMoved)
    terminal.note('HOP_TOKEN is set and stays in its workspace; sign in with `hop login` to go to the other one.');
}

/** The secret is what follows # in a link. */
function secretOf(text: string): string {
  const secret = text.trim().replace(/^.*#/s, '');
  if (/^hopi_[\w-]+$/.test(secret)) return secret;
  throw new UsageError('That is no invitation: its link ends with "#hopi_…".');
}
