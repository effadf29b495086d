// The settings of the local primary and replica. Both files are written before every start, so that they have the current ports and
// passwords.
import { chmodSync, chownSync } from 'node:fs';
import path from 'node:path';
import { replaceFile } from '../supervisor/pid-files.ts';
import type { PostgresHome } from './home.ts';

export const REPLICATION_SLOT = 'hop_replica';

/** The name by which the primary knows it (pg_stat_replication, synchronous_standby_names). */
const REPLICA_NAME = 'postgres-replica';

interface ReplicaOf {
  readonly port: number;
  readonly password: string;
}

const HBA = `# Loopback only, always with a password.
host all all 127.0.0.1/32 scram-sha-256
host replication hop_replication 127.0.0.1/32 scram-sha-256
`;

export interface ServerSettings {
  readonly port: number;
  /** Commits wait for the replica. */
  readonly synchronous: boolean;
  /** Absent for the primary. */
  readonly replicaOf?: ReplicaOf;
  readonly user: PostgresHome['user'];
}

export function writeSettings(dir: string, { port, synchronous, replicaOf, user }: ServerSettings): void {
  const own = replicaOf === undefined ? primarySettings(synchronous) : replicaSettings(replicaOf);
  const settings = { ...commonSettings(port), ...own };
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} = ${typeof value === 'string' ? `'${value}'` : value}`,
  );
  writeOwned(
    path.join(dir, 'postgresql.conf'),
    `# Written by compose/local before every start.\n${lines.join('\n')}\n`,
    user,
  );
  writeOwned(path.join(dir, 'pg_hba.conf'), HBA, user);
}

export function writeOwned(file: string, content: string, user: PostgresHome['user']): void {
  replaceFile(file, content, 0o600);
  chmodSync(file, 0o600);
  if (user !== undefined) chownSync(file, user.uid, user.gid);
}

function commonSettings(port: number): Record<string, string | number> {
  return {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port,
    // The sum of the roles' connection limits, and ten: bootstrap.sql. A replica needs as many as its primary.
    max_connections: 130,
    password_encryption: 'scram-sha-256',
    shared_buffers: '64MB',
    work_mem: '4MB',
    maintenance_work_mem: '32MB',
    // Single-row reads gain nothing from worker processes and JIT compilation, which cost memory and time here.
    io_method: 'sync',
    max_parallel_workers_per_gather: 0,
    jit: 'off',
    synchronous_commit: 'on',
    wal_level: 'replica',
    // This build has only pglz compression, which costs more than the bytes: docs/performance.md.
    wal_compression: 'off',
    // A page is written in full when it first changes after a checkpoint, so checkpoints are infrequent.
    max_wal_size: '1GB',
    max_wal_senders: 4,
    max_replication_slots: 4,
    // A replica that stays away must not fill the disk: beyond this it is recreated.
    max_slot_wal_keep_size: '1GB',
    hot_standby: 'on',
    tcp_keepalives_idle: 30,
    client_connection_check_interval: '2s',
    log_line_prefix: '%m [%p] %q%u ',
    log_min_duration_statement: '250ms',
    log_checkpoints: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
}

/** `on` with a name in the list: on the disks of both. Reads on the replica may still be slightly behind (not remote_apply). */
function primarySettings(synchronous: boolean): Record<string, string> {
  return { synchronous_standby_names: synchronous ? `FIRST 1 ("${REPLICA_NAME}")` : '' };
}

function replicaSettings({ port, password }: ReplicaOf): Record<string, string | number> {
  const primary = `host=127.0.0.1 port=${port} user=hop_replication password=${password} application_name=${REPLICA_NAME}`;
  return {
    primary_conninfo: `${primary} connect_timeout=3`,
    primary_slot_name: REPLICATION_SLOT,
    shared_buffers: '32MB',
    hot_standby_feedback: 'on',
    wal_receiver_status_interval: '1s',
    wal_receiver_timeout: '5s',
    // How soon it retries when the primary was away.
    wal_retrieve_retry_interval: '250ms',
    max_standby_streaming_delay: '2s',
  };
}
