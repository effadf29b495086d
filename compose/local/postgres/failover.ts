// The replica becomes the primary. Order matters: the old primary is fenced before the replica accepts a single write.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Probe, postgresProbe } from '../supervisor/probes.ts';
import { familyOf, type ProcessIdentity, signal } from '../supervisor/processes.ts';
import type { PartRunner } from '../supervisor/runner.ts';
import { asSuperuser, type PostgresContext, postgresUrl } from './postgres.ts';
import { exchangeRoles } from './roles.ts';

/** A primary that still answers is stopped cleanly, which sends its replica everything; one that does not is killed after this. */
const ORDERLY_STOP_MS = 5_000;
const REPLAY_LIMIT_MS = 10_000;
const PROMOTE_LIMIT_S = 15;
const POLL_MS = 25;

/** Rejects without any change when there is no replica that could take over. */
export type Failover = (
  primary: PartRunner,
  replica: PartRunner,
  note: (text: string) => void,
) => Promise<{ readonly lsn: string }>;

export function createFailover(context: PostgresContext): Failover {
  const { home, passwords, replicaPort } = context;
  return async (primary, replica, note) => {
    await asSuperuser(passwords, replicaPort, requireStandby).catch((cause: Error) => {
      throw new Error(`The replica cannot take over, so the primary is left alone: ${cause.message}`, { cause });
    });
    await fence(primary);
    note('the old primary is fenced');
    const lsn = await asSuperuser(passwords, replicaPort, replayed).catch(async (cause: Error) => {
      // Nothing has been switched yet.
      await primary.start();
      throw new Error(`The replica was lost, so the primary was started again: ${cause.message}`, { cause });
    });
    exchangeRoles(home);
    // At the primary's address it starts as the standby that it was; its probe promotes it.
    await replica.stop('held');
    await primary.start();
    note(`promoted at ${lsn}, writes are taken`);
    return { lsn };
  };
}

/** Stops the primary and all its processes: a backend outlives its postmaster until its statement ends. */
async function fence(primary: PartRunner): Promise<void> {
  const family: readonly ProcessIdentity[] = primary.pid === undefined ? [] : familyOf(primary.pid);
  await primary.stop('held', 'SIGINT', ORDERLY_STOP_MS);
  for (const identity of family) signal(identity, 'SIGKILL');
}

type Client = Parameters<Parameters<typeof asSuperuser>[2]>[0];

async function requireStandby(client: Client): Promise<void> {
  const { rows } = await client.query('select pg_is_in_recovery() as standby');
  if (rows[0]?.standby !== true) throw new Error('what listens on its port is no standby.');
}

/** Resolves with the position up to which everything received has been applied. */
async function replayed(client: Client): Promise<string> {
  const query = `select pg_last_wal_replay_lsn()::text as lsn,
    coalesce(pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn(), true) as done`;
  for (const end = Date.now() + REPLAY_LIMIT_MS; ; await sleep(POLL_MS)) {
    const { rows } = await client.query<{ lsn: string; done: boolean }>(query);
    // A promotion replays the rest by itself before it accepts writes; this limit only bounds the wait here.
    if (rows[0]?.done || Date.now() > end) return rows[0]?.lsn ?? '';
  }
}

/** The primary is ready when it accepts writes: one that is still a standby, after a failover, is promoted. */
export function promotedProbe({ passwords, port }: PostgresContext): Probe {
  const answers = postgresProbe(postgresUrl('postgres', passwords, port, 'postgres'));
  return async () => {
    if (!(await answers())) return false;
    return asSuperuser(passwords, port, async (client) => {
      const { rows } = await client.query<{ done: boolean }>(
        'select not pg_is_in_recovery() or pg_promote(true, $1) as done',
        [PROMOTE_LIMIT_S],
      );
      return rows[0]?.done === true;
    });
  };
}
