import type { Pool } from 'pg';
import { type LinkRow, linkColumns, recordOfRow } from '#runtime/shortlink/link-record.ts';
import { nameOf } from './cached-link.ts';
import type { LinkStore } from './store.ts';

// Named, so that each connection plans it once. `limit 1` makes it one index lookup per key, however many rows the planner expects.
const findLinks = {
  name: 'resolver-find-links',
  text: `select found.*
           from unnest($1::text[], $2::text[]) as asked (domain, code)
          cross join lateral (select ${linkColumns} from link.followable f
                               where f.domain = asked.domain and f.code = asked.code limit 1) as found`,
};

/** The role of the pool may read link.followable and nothing else. */
export function postgresStore(pool: Pool): LinkStore {
  return {
    async find(keys) {
      const values = [keys.map(({ domain }) => domain), keys.map(({ code }) => code)];
      const { rows } = await pool.query<LinkRow>({ ...findLinks, values });
      const found = new Map(rows.map((row) => [nameOf(row), row]));
      return keys.map((key) => {
        const row = found.get(nameOf(key));
        return row && recordOfRow(row);
      });
    },
  };
}
