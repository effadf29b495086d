import { parseArgs } from 'node:util';
import { databaseUrl, NotThereError, runDatabaseCommand } from '#runtime/postgres/command.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { postgresStore } from '../store.postgres.ts';
import type { AccountStore } from '../store.ts';
import { parseEmail } from './email.ts';
import { createHashingQueue } from './hashing-queue.ts';
import { issuePassword } from './issue-password.ts';
import { createPasswords } from './passwords.ts';

const usage = 'usage: npm run new-password -- --email EMAIL [--url URL]';

interface Order {
  readonly emailKey: string;
  readonly url: string;
}

/** Throws with what is wrong with the arguments. */
function asked(): Order {
  const { values } = parseArgs({ options: { email: { type: 'string' }, url: { type: 'string' } } });
  if (values.email === undefined) throw new Error('--email says whose password is lost.');
  const email = parseEmail(values.email);
  if ('description' in email) throw new Error(`--email ${values.email}: ${email.description}`);
  return { emailKey: email.key, url: databaseUrl(values.url) };
}

async function issue({ emailKey }: Order, store: AccountStore, log: Log): Promise<void> {
  const passwords = await createPasswords(createHashingQueue({ concurrency: 1, limit: 1 }));
  const issued = await issuePassword({ store, passwords, now: () => new Date() }, emailKey);
  if (!issued) throw new NotThereError('Nobody has this email.');
  log.info({ user_id: issued.userId, ended_sessions: issued.endedSessions }, 'a new password was issued');
  // Apart from the log, which may be kept.
  process.stdout.write(`New password: ${issued.password}\n`);
}

await runDatabaseCommand({
  name: 'new-password',
  usage,
  asked,
  primary: true,
  statementTimeoutMs: 10_000,
  run: (order, pool, log) => issue(order, postgresStore(pool), log),
  failure: { message: 'no password was issued', exitCode: 1 },
});
