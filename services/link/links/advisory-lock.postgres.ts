import type { PoolClient } from 'pg';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';

/** The name of the lock on a domain and code. A transaction that takes a version for them holds it, whether or not a link exists there. */
export const lockNameOf = ({ domain, code }: LinkKey): string => `link:${domain}/${code}`;

const lock = { name: 'lock-name', text: 'select pg_advisory_xact_lock(hashtextextended($1, 0))' };

/** Takes the lock of this name until the end of the transaction. */
export async function lockName(client: PoolClient, name: string): Promise<void> {
  await client.query({ ...lock, values: [name] });
}

/** Locks a domain and code until the end of the transaction. */
export async function lockKey(client: PoolClient, key: LinkKey): Promise<void> {
  await lockName(client, lockNameOf(key));
}
