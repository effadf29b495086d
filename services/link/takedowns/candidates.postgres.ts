import type { Pool } from 'pg';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { Subject } from './subjects.ts';

/** This many rows are read in one statement; it takes some 10 ms. */
const rowsAtOnce = 5_000;

interface Scanned extends LinkKey {
  readonly id: string;
  readonly created_at: Date;
  readonly matches: boolean;
}

/** The host of the destination, in the form of subjects.ts: without trailing dots. */
const hostOf = `rtrim(substring(destination from '^https?://(\\[[^]]*\\]|[^/:?#]+)'), '.')`;

/**
 * See Takedowns.linksUnder. For a workspace the newest first, by its index; for a host, or a link by its id, all links are scanned in the
 * order of their places, since there is no other index.
 */
export async function* linksUnder(pool: Pool, subject: Subject): AsyncGenerator<LinkKey[]> {
  const [, kind, name = ''] = /^(\w+):(.*)$/.exec(subject) ?? [];
  if (kind === 'workspace') return yield* linksOfWorkspace(pool, name);
  const matches = kind === 'link' ? 'id = $3::uuid' : `right('.' || ${hostOf}, length($3) + 1) = '.' || $3`;
  let after: LinkKey | undefined;
  do {
    const { rows } = await pool.query<Scanned>(
      `with page as materialized (
         select domain, code, ${matches} as matches from links where (domain, code) > ($1, $2)
         order by domain, code limit ${rowsAtOnce})
       select * from page where matches
         or (domain, code) = (select domain, code from page order by domain desc, code desc limit 1) order by domain, code`,
      [after?.domain ?? '', after?.code ?? '', name],
    );
    const found = rows.filter((row) => row.matches);
    yield found;
    if (kind === 'link' && found.length > 0) return;
    after = rows.at(-1);
  } while (after);
}

async function* linksOfWorkspace(pool: Pool, workspaceId: string): AsyncGenerator<LinkKey[]> {
  let last: Scanned | undefined;
  do {
    const { rows } = await pool.query<Scanned>(
      `select domain, code, id, created_at from links
       where workspace_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3::uuid))
       order by created_at desc, id desc limit ${rowsAtOnce}`,
      [workspaceId, last?.created_at, last?.id],
    );
    yield rows;
    last = rows.at(-1);
  } while (last);
}
