import { createHopline } from '@hopline/client';
import type { Command } from 'commander';
import { type Context, keyOf } from '../context.ts';
import { ask, askSecret, firstLine } from '../prompt.ts';
import type { Run } from '../run.ts';
import { UsageError } from '../usage-error.ts';

interface LoginOptions {
  readonly email?: string;
  readonly passwordStdin?: boolean;
  readonly keyStdin?: boolean;
}

export function loginCommands(parent: Command, run: Run): void {
  const person = (command: Command) =>
    command
      .option('-e, --email <address>', 'without it you are asked')
      .option('--password-stdin', 'the password is the first line of the input');
  person(parent.command('login'))
    .summary('sign in')
    .description('Signs in and keeps the session in a file that only you can read; it is renewed by itself.')
    .option('--key-stdin', 'store an API key, read from the first line of the input, instead of a session')
    .addHelpText('after', '\n  hop login --url https://hop.example.org\n  hop login --key-stdin < key.txt')
    .action(run(logIn));
  person(parent.command('signup'))
    .summary('make an account')
    .description('Creates an account with its own workspace, and signs in.')
    .action(run(signUp));
  parent
    .command('logout')
    .summary('sign out')
    .description('Ends the session everywhere, and forgets what was kept of this installation.')
    .action(run(logOut));
}

async function logIn(context: Context, options: LoginOptions): Promise<undefined> {
  if (options.keyStdin) return await keepKey(context);
  const { user, workspace } = await personOf(context).identity.logIn(await credentials(context, options), {
    signal: context.signal,
  });
  signedIn(context, user?.email ?? '', workspace?.name ?? '');
}

async function signUp(context: Context, options: LoginOptions): Promise<undefined> {
  const { user, workspace } = await personOf(context).identity.signUp(await credentials(context, options), {
    signal: context.signal,
  });
  signedIn(context, user?.email ?? '', workspace?.name ?? '');
}

/** A client that uses the stored session, whatever key the environment has. */
const personOf = ({ url, settings }: Context) => createHopline({ url, session: settings.sessionOf(url) });

/** Stores the key only if it is valid. */
async function keepKey(context: Context): Promise<undefined> {
  const { url, settings, signal } = context;
  const apiKey = keyOf(await firstLine(signal), 'The first line of the input');
  const user = await createHopline({ url, apiKey }).identity.getCurrentUser({}, { signal });
  settings.keepApiKey(url, apiKey);
  signedIn(context, user.email, user.workspace?.name ?? '');
}

function signedIn({ url, settings, terminal, variables }: Context, email: string, workspace: string): void {
  settings.setUrl(url);
  terminal.out(terminal.json ? JSON.stringify({ url, email, workspace }) : `Signed in to ${url} as ${email}.`);
  const winner = ['HOP_API_KEY', 'HOP_TOKEN'].find((name) => variables[name]);
  if (winner) terminal.note(`${winner} is set and wins over this session.`);
}

async function credentials({ signal }: Context, { email, passwordStdin }: LoginOptions) {
  if (!process.stdin.isTTY && !passwordStdin)
    throw new UsageError('There is no terminal to ask in. Give --email and --password-stdin, or --key-stdin.');
  if (passwordStdin && !email) throw new UsageError('--password-stdin needs --email.');
  return {
    email: email ?? (await ask('Email: ', signal)),
    password: passwordStdin ? await firstLine(signal) : await askSecret('Password: ', signal),
  };
}

async function logOut({ url, settings, terminal, signal }: Context): Promise<undefined> {
  const session = settings.sessionOf(url);
  const known = (await session.read()) !== undefined || settings.apiKeyOf(url) !== undefined;
  if (await session.read()) {
    // A session that is already over, or an unavailable installation, must not prevent signing out here.
    await createHopline({ url, session, retries: 0 })
      .identity.logOut({}, { signal })
      .catch(() => terminal.note('The installation was not told; the session ends there by itself.'));
  }
  settings.forget(url);
  if (terminal.json) terminal.out(JSON.stringify({ url, signed_out: true }));
  else terminal.out(known ? `Signed out of ${url}.` : `Nobody was signed in to ${url}.`);
}
