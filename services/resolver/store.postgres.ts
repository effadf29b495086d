import type { Pool } from 'pg';
import { type LinkRow, linkColumns, recordOfRow } from '#runtime/shortlink/link-record.ts';
import type { LinkStore } from './store.ts';

// Named, so that each connection plans it once.
const findLink = {
  name: 'resolver-find-link',
  text: `select ${linkColumns} from link.followable where domain = $1 and code = $2`,
};

/** The role of the pool may read link.followable and nothing else. */
export function postgresStore(pool: Pool): LinkStore {
  return {
    async find({ domain, code }) {
      const { rows } = await pool.query<LinkRow>({ ...findLink, values: [domain, code] });
      const row = rows[0];
      return row && recordOfRow(row);
    },
  };
}
