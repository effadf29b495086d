// What the two servers report: which is the primary, and whether the other follows it.
import path from 'node:path';
import type { Layout } from '../layout.ts';
import type { Ports } from '../ports/ports.ts';
import { keepSecrets, type Passwords } from '../secrets.ts';
import { asSuperuser } from './postgres.ts';

type Client = Parameters<Parameters<typeof asSuperuser>[2]>[0];

/** One sentence per server; one that does not answer gets a sentence that says so. */
export async function describePostgres(layout: Layout, ports: Ports): Promise<string[]> {
  const { passwords } = keepSecrets(layout);
  const servers = ['postgres', 'postgres-replica'] as const;
  return Promise.all(servers.map(async (name) => `${name} ${await say(passwords, ports[name])}`));
}

function say(passwords: Passwords, port: number): Promise<string> {
  return asSuperuser(passwords, port, describe).catch(() => 'does not answer');
}

async function describe(client: Client): Promise<string> {
  const { rows } = await client.query<{ standby: boolean; folder: string }>(
    "select pg_is_in_recovery() as standby, current_setting('data_directory') as folder",
  );
  const data = `data in ${path.basename(rows[0]?.folder ?? '')}`;
  return rows[0]?.standby ? `is a standby (${data})` : `is the primary (${data}); ${await describeReplication(client)}`;
}

async function describeReplication(client: Client): Promise<string> {
  const { rows } = await client.query<{ state: string; mode: string; behind: string }>(
    `select state, sync_state as mode, pg_size_pretty(pg_current_wal_lsn() - coalesce(replay_lsn, '0/0')) as behind
     from pg_stat_replication`,
  );
  const follower = rows[0];
  if (follower) return `its replica is ${follower.state} (${follower.mode}), ${follower.behind} behind`;
  return 'no replica follows it: without one there is no failover, and synchronous commits wait';
}
