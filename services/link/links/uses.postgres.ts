import type { Pool, PoolClient } from 'pg';
import { ChangeKind, type LinkRecord } from '#gen/link/v1/change_pb.ts';
import { type LinkRow, linkColumns, recordOfRow, stateOf } from '#runtime/shortlink/link-record.ts';
import type { FollowedLink, TakeOutcome } from '../store.ts';
import { lockFollowedLink } from './locked-rows.postgres.ts';
import { bytesOf } from './record-bytes.ts';

/**
 * Takes this many uses if at least one remains after that; otherwise nothing, whatever the reason. A named statement, because it runs for
 * each click. Uses are counted in a row of their own in link_uses: concurrent takes wait for each other there, and the second sees what the
 * first left.
 */
const takeSome = {
  name: 'take-uses',
  text: `with link as materialized (
      select ${linkColumns} from links
      where domain = $1 and code = $2 and id = $3 and deleted_at is null and not disabled
        and (expires_at is null or expires_at > clock_timestamp()) and max_clicks > $4),
    taken as (
      insert into link_uses as uses (link_id, used) select id, $4 from link
      on conflict (link_id) do update set used = uses.used + $4
        where uses.used + $4 < (select max_clicks from link)
      returning used)
    select link.* from link, taken`,
};

export async function takeUses(pool: Pool, link: FollowedLink, wanted: number): Promise<TakeOutcome | undefined> {
  const values = [link.domain, link.code, link.id, wanted];
  const { rows } = await pool.query<LinkRow>({ ...takeSome, values });
  return rows[0] && { granted: wanted, record: recordOfRow(rows[0]) };
}

/** told: a change record already says that the link is used up. */
interface LastUses extends TakeOutcome {
  readonly told: boolean;
}

/**
 * The same for what takeUses left alone: the last uses, and links with none left. The link is locked, so that nobody raises its limit
 * meanwhile, and so that the transaction that takes the last use also records that the link is used up.
 */
export async function takeLastUses(client: PoolClient, link: FollowedLink, wanted: number): Promise<LastUses> {
  const row = await lockFollowedLink(client, link);
  if (!row) return { granted: 0, record: undefined, told: false };
  const record = recordOfRow(row);
  const refused: LastUses = { granted: 0, record, told: false };
  if (stateOf(record, row.now.getTime()) !== 'followable') return refused;
  if (record.maxClicks === 0) return { ...refused, granted: wanted };
  const before = await lockUses(client, record.id);
  const granted = Math.max(0, Math.min(wanted, record.maxClicks - before));
  if (granted > 0) await client.query({ ...addUses, values: [record.id, granted] });
  if (before + granted < record.maxClicks) return { granted, record, told: false };
  const last = { ...record, version: BigInt(row.next_version), usedUp: true };
  const values = [record.domain, record.code, row.next_version, bytesOf(last), ChangeKind.USED_UP];
  await client.query({ ...tellUsedUp, values });
  return { granted, record: granted > 0 ? record : last, told: true };
}

const addUses = { name: 'add-uses', text: 'update link_uses set used = used + $2 where link_id = $1' };

const tellUsedUp = {
  name: 'tell-used-up',
  text: `with marked as (
      update links set version = $3, used_up = true where domain = $1 and code = $2 returning 1)
    insert into link_changes (kind, record, changed_at)
      select $5::smallint, $4::bytea, clock_timestamp() from marked`,
};

const holdUses = {
  name: 'hold-uses',
  text: `insert into link_uses as uses (link_id, used) values ($1, 0)
    on conflict (link_id) do update set used = uses.used returning used`,
};

/** Locked, and inserted if missing: other takes wait until this transaction is over. */
async function lockUses(client: PoolClient, linkId: string): Promise<number> {
  const { rows } = await client.query<{ used: number }>({ ...holdUses, values: [linkId] });
  return rows[0]?.used ?? 0;
}

/**
 * Whether a link that is about to be written has used up its limit already. A concurrent take may use it up right now; then the next take
 * finds that out (takeLastUses).
 */
export async function isUsedUp(client: PoolClient, { id, maxClicks }: LinkRecord): Promise<boolean> {
  return maxClicks > 0 && ((await findUses(client, [id])).get(id) ?? 0) >= maxClicks;
}

/** By link id; a link that was never followed under a limit has none. */
export async function findUses(db: Pool | PoolClient, linkIds: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await db.query<{ link_id: string; used: number }>(
    'select link_id, used from link_uses where link_id = any($1::uuid[])',
    [linkIds],
  );
  return new Map(rows.map(({ link_id, used }) => [link_id, used]));
}
