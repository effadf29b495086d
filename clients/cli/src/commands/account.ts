import { type CurrentUser, CurrentUserSchema } from '@hopline/client';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { jsonLine } from '../output/json.ts';
import { askSecret, firstLine, firstLines } from '../prompt.ts';
import type { Run } from '../run.ts';
import { harmless } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

interface AccountOptions {
  readonly name?: string;
  readonly email?: string;
  readonly passwordStdin?: boolean;
}

interface PasswordOptions {
  readonly stdin?: boolean;
}

export function accountCommands(parent: Command, run: Run): void {
  parent
    .command('account')
    .alias('whoami')
    .summary('who you are here')
    .description('Shows as whom you are signed in; with an option it changes that first.')
    .option('--name <name>', 'what you are called; "" for no name')
    .option('-e, --email <address>', 'what you sign in with; asks for your password')
    .option('--password-stdin', 'the password is the first line of the input')
    .addHelpText('after', '\n  hop account --name "Ada Lovelace"\n  hop account --email ada@example.org')
    .action(run(account));
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

async function password({ hop, terminal, signal }: Context, { stdin }: PasswordOptions) {
  const { revokedCount } = await hop.identity.changePassword(await bothPasswords(signal, stdin), { signal });
  if (terminal.json) terminal.out(JSON.stringify({ revoked_count: revokedCount }));
  else terminal.out(`Your password is changed. ${signedOutText(revokedCount)}`);
  return undefined;
}

function signedOutText(count: number): string {
  if (count === 0) return 'You were signed in nowhere else.';
  return `${count} other ${count === 1 ? 'session is' : 'sessions are'} refused everywhere within 5 s.`;
}

/** Never an argument: those are in the history of the shell, and every user of the machine sees them. */
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

function refuseWithoutTerminal(instead: string): void {
  if (!process.stdin.isTTY) throw new UsageError(`There is no terminal to ask in. Give ${instead}.`);
}
