import type { PoolClient } from 'pg';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';

/** What is locked of a domain and code: a transaction that takes a version for them holds it, whether a link is there or not. */
export const placeOf = ({ domain, code }: LinkKey): string => `link:${domain}/${code}`;

/** Until the end of the transaction. */
export async function lockPlace(client: PoolClient, key: LinkKey): Promise<void> {
  await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [placeOf(key)]);
}
