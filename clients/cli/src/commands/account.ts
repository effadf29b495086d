import { type CurrentUser, CurrentUserSchema } from '@hopline/client';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { jsonLine } from '../output/json.ts';
import { ask, askSecret, firstLine, firstLines, refuseWithoutTerminal } from '../prompt.ts';
import type { Run } from '../run.ts';
import { harmless } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

interface AccountOptions {
  readonly name?: string;
  readonly email?: string;
  readonly passwordStdin?: boolean;
}

interface DeleteOptions {
  readonly yes?: boolean;
  readonly stdin?: boolean;
}

interface PasswordOptions {
  readonly stdin?: boolean;
}

export function accountCommands(parent: Command, run: Run): void {
  const own = parent
    .command('account')
    .alias('whoami')
    .summary('show or change your account')
    .description('Shows who you are signed in as. With an option, changes that first.')
    .option('--name <name>', 'your name; "" for none')
    .option('-e, --email <address>', 'what you sign in with; asks for your password')
    .option('--password-stdin', 'the password is the first line of the input')
    .addHelpText('after', '\n  hop account --name "Ada Lovelace"\n  hop account --email ada@example.org')
    .action(run(account));
  own
    .command('delete')
    .summary('delete your account, for good')
    .description(
      'Deletes your account with your workspace: sessions and API keys end, your links stop working, and their clicks are erased. A workspace with other members stays. This cannot be undone. Asks for your email and your password.',
    )
    .option('-y, --yes', 'do not ask for the email')
    .option('--stdin', 'the password is the first line of the input; goes with --yes')
    .action(run(deleteAccount));
  parent
    .command('password')
    .summary('change your password')
    .description('Asks for your password and a new one. You stay signed in here, and are signed out everywhere else.')
    .option('--stdin', 'the password is the first line of the input, the new one the second')
    .action(run(password));
}

async function account({ hop, terminal, signal }: Context, { name, email, passwordStdin }: AccountOptions) {
  if (passwordStdin && email === undefined) throw new UsageError('--password-stdin goes with --email.');
  const isChange = name !== undefined || email !== undefined;
  const change = {
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email, currentPassword: await currentPassword(signal, passwordStdin) }),
  };
  const user = isChange
    ? await hop.identity.updateCurrentUser(change, { signal })
    : await hop.identity.getCurrentUser({}, { signal });
  terminal.out(terminal.json ? jsonLine(CurrentUserSchema, user) : lineOf(user));
  return undefined;
}

function lineOf({ name, email, workspace }: CurrentUser): string {
  const who = name === '' ? email : `${name} <${email}>`;
  return harmless(`${who}, in ${workspace?.name} as ${workspace?.role}`);
}

async function currentPassword(signal: AbortSignal, isInInput = false): Promise<string> {
  if (isInInput) return await firstLine(signal);
  refuseWithoutTerminal('--password-stdin');
  return await askSecret('Password: ', signal);
}

async function deleteAccount(context: Context, { yes, stdin }: DeleteOptions): Promise<undefined> {
  const { hop, url, settings, terminal, signal } = context;
  if (stdin && !yes) throw new UsageError('--stdin goes with --yes.');
  if (!stdin) refuseWithoutTerminal('--yes and --stdin');
  if (!yes) await confirm(context);
  const currentPassword = stdin ? await firstLine(signal) : await askSecret('Password: ', signal);
  await hop.identity.deleteCurrentUser({ currentPassword }, { signal });
  settings.forget(url);
  if (terminal.json) terminal.out(JSON.stringify({ url, deleted: true }));
  else terminal.out(`Your account at ${url} is deleted.`);
}

/** More than a mere "y": whoever types it has read which account it is. */
async function confirm({ hop, terminal, signal }: Context): Promise<void> {
  const { email } = await hop.identity.getCurrentUser({}, { signal });
  terminal.note(harmless(`This deletes ${email} for good, with all sessions, API keys, links and statistics.`));
  const typed = (await ask('Your email, to confirm: ', signal)).trim();
  if (typed.toLowerCase() !== email.toLowerCase()) throw new UsageError('That is another email; nothing was deleted.');
}

async function password({ hop, terminal, signal }: Context, { stdin }: PasswordOptions) {
  const { revokedCount } = await hop.identity.changePassword(await bothPasswords(signal, stdin), { signal });
  if (terminal.json) terminal.out(JSON.stringify({ revoked_count: revokedCount }));
  else terminal.out(`Your password is changed. ${signedOutText(revokedCount)}`);
  return undefined;
}

function signedOutText(count: number): string {
  if (count === 0) return 'You were not signed in anywhere else.';
  return `${count} other ${count === 1 ? 'session is' : 'sessions are'} refused everywhere within 5 s.`;
}

/** Never an argument: those end up in the shell's history, and every user of the machine can see them. */
async function bothPasswords(signal: AbortSignal, isInInput = false) {
  if (isInInput) {
    const [currentPassword, newPassword] = await firstLines(2, signal);
    if (currentPassword === undefined || newPassword === undefined)
      throw new UsageError('The input has two lines: the password, and the new one.');
    return { currentPassword, newPassword };
  }
  refuseWithoutTerminal('--stdin');
  const currentPassword = await askSecret('Password: ', signal);
  const newPassword = await askSecret('New password: ', signal);
  if ((await askSecret('New password, again: ', signal)) !== newPassword)
    throw new UsageError('The new password was not the same twice; nothing was changed.');
  return { currentPassword, newPassword };
}
