import { type Member, MemberSchema } from '@hopline/client';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { jsonLine } from '../output/json.ts';
import { type Column, table } from '../output/table.ts';
import { whenText } from '../output/times.ts';
import type { Run } from '../run.ts';
import { harmless } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

export function membersCommand(parent: Command, run: Run): void {
  const members = parent
    .command('members')
    .summary('who belongs to the workspace')
    .description('The members of the workspace that you are in, and their roles: owner, admin, member or viewer.')
    .addHelpText('after', '\nSomebody new comes in with `hop invitations create`.');
  members.command('ls').summary('list the members').description('Lists the members.').action(run(list));
  members
    .command('role')
    .argument('<member>', 'their email, or the id as `hop members ls` shows it')
    .argument('<role>', 'owner, admin, member or viewer')
    .summary('give a member another role')
    .description('Gives a member another role. They have to sign in again.')
    .action(run(changeRole));
  members
    .command('rm')
    .argument('<member>', 'their email, or the id as `hop members ls` shows it')
    .summary('remove a member')
    .description('Removes a member: their sessions and API keys here end within 5 s, the links stay.')
    .action(run(remove));
  members
    .command('leave')
    .summary('leave the workspace')
    .description('Leaves the workspace that you are in. You are signed out, and sign in to another one of yours.')
    .action(run(leave));
}

async function list({ hop, terminal, signal }: Context): Promise<undefined> {
  const { members } = await hop.workspaces.listMembers({}, { signal });
  if (terminal.json) {
    for (const member of members) terminal.out(jsonLine(MemberSchema, member));
    return;
  }
  const { paint, width } = terminal;
  const columns: Column<Member>[] = [
    { title: 'EMAIL', text: ({ email }) => harmless(email), least: 20, paint: paint.cyan },
    { title: 'NAME', text: ({ name }) => harmless(name), least: 12, spare: 2 },
    { title: 'ROLE', text: ({ role, isCurrent }) => (isCurrent ? `${role} (you)` : role) },
    { title: 'SINCE', text: ({ joinedAt }) => whenText(joinedAt), spare: 3 },
    { title: 'ID', text: ({ userId }) => userId, spare: 1 },
  ];
  for (const line of table(columns, members, { width, head: paint.bold })) terminal.out(line);
}

async function changeRole(context: Context, named: string, role: string): Promise<undefined> {
  const { hop, terminal, signal } = context;
  const { userId } = await memberNamed(context, named);
  const member = await hop.workspaces.updateMember({ userId, role }, { signal });
  terminal.out(terminal.json ? jsonLine(MemberSchema, member) : harmless(`${member.email} is ${member.role} now.`));
}

async function remove(context: Context, named: string): Promise<undefined> {
  const { hop, terminal, signal } = context;
  const { userId, email, isCurrent } = await memberNamed(context, named);
  if (isCurrent) throw new UsageError('That is you; `hop members leave` leaves the workspace.');
  await hop.workspaces.removeMember({ userId }, { signal });
  if (terminal.json) terminal.out(JSON.stringify({ user_id: userId, removed: true }));
  else terminal.out(harmless(`${email} is out within 5 s.`));
}

async function leave({ hop, url, settings, terminal, signal }: Context): Promise<undefined> {
  const { workspace } = await hop.identity.getCurrentUser({}, { signal });
  await hop.workspaces.removeMember({ userId: 'me' }, { signal });
  settings.forget(url);
  if (terminal.json) terminal.out(JSON.stringify({ workspace_id: workspace?.id, left: true }));
  else terminal.out(harmless(`You have left ${workspace?.name}. Sign in to another workspace with \`hop login\`.`));
}

/** An email is looked up, so that nobody has to copy an id. */
async function memberNamed({ hop, signal }: Context, named: string): Promise<Member> {
  const { members } = await hop.workspaces.listMembers({}, { signal });
  const wanted = named.toLowerCase();
  const found = members.find(({ userId, email }) => userId === wanted || email.toLowerCase() === wanted);
  if (found) return found;
  throw new UsageError(`There is no member "${harmless(named)}"; \`hop members ls\` lists them.`);
}
