import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { ChosenCode, CreateOutcome, NewLink } from '../store.ts';

/** A plain link on hop.example, to be created. */
export function newLink(fields: Pick<NewLink, 'workspaceId'> & Partial<NewLink>): NewLink {
  return {
    domain: 'hop.example',
    createdBy: randomUUID(),
    destination: 'https://example.com/',
    redirectStatus: 302,
    title: '',
    tags: [],
    expiresAt: undefined,
    ...fields,
  };
}

export const aliasCode = (code: string): ChosenCode => ({ code, number: 0, codeKeyId: 0 });

/** The record of a create that must have succeeded. */
export function recordOf(outcome: CreateOutcome): LinkRecord {
  if (!('record' in outcome)) throw new Error(outcome.outcome);
  return outcome.record;
}

/** Copies a link in a transaction that stays open, as a create that nobody can see yet. Returns what commits it. */
export async function createUnseen(pool: Pool, { id }: LinkRecord): Promise<() => Promise<void>> {
  const client = await pool.connect();
  await client.query('begin');
  await client.query(
    `insert into links (domain, code, id, version, workspace_id, created_by, destination, redirect_status, created_at, updated_at)
     select domain, 'unseen', gen_random_uuid(), nextval('link_version'), workspace_id, created_by, destination, 302, now(), now()
     from links where id = $1`,
    [id],
  );
  return async () => {
    await client.query('commit');
    client.release();
  };
}
