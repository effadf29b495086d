import { randomUUID } from 'node:crypto';
import { clone } from '@bufbuild/protobuf';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { ChangeKind, type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { linkKey } from '#runtime/shortlink/link-key.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { postgresStore } from '../store.postgres.ts';
import type { ChangeOutcome, ChosenCode, LinkStore, NewLink } from '../store.ts';
import { aliasCode, newLink, recordOf } from './links.ts';

export interface TestStore {
  readonly database: TestDatabase;
  readonly pool: Pool;
  readonly store: LinkStore;
  /** How many changes the store said were committed. */
  commits: number;
  /** A new one for each test. */
  workspaceId: string;
  draft(fields?: Partial<NewLink>): NewLink;
  /** Creates a link that must be created. */
  made(fields?: Partial<NewLink>, code?: ChosenCode): Promise<LinkRecord>;
  /** Edits a link of the workspace. */
  touched(record: LinkRecord, edit: (next: LinkRecord) => void): Promise<ChangeOutcome>;
}

/** The store on a database of its own, for the tests of a file; to be called at its top. Database, pool and store are there when the tests run. */
export function useTestStore(): TestStore {
  const draft = (fields: Partial<NewLink> = {}) => newLink({ workspaceId: on.workspaceId, ...fields });
  const on = {
    commits: 0,
    workspaceId: '',
    draft,
    made: async (fields = {}, code = alias()) => recordOf(await on.store.create(draft(fields), code)),
    touched: ({ domain, code }, edit) =>
      on.store.change({ workspaceId: on.workspaceId, key: linkKey(domain, code) }, (current) => {
        const next = clone(LinkRecordSchema, current);
        edit(next);
        return { kind: ChangeKind.UPDATED, next };
      }),
  } as TestStore;
  beforeAll(async () => {
    const database = await postgresFor('link');
    const url = `${database.url}?lock_timeout=1500`;
    const pool = createPool(url, { max: 8, connectTimeoutMs: 20_000, log: silentLog });
    Object.assign(on, { database, pool, store: postgresStore(pool, { committed: () => on.commits++ }) });
  });
  beforeEach(() => {
    on.workspaceId = randomUUID();
  });
  afterAll(async () => {
    await on.pool.end();
    await on.database.drop();
  });
  return on;
}

let serial = 0;
/** A code that somebody chose, which no other test has. */
export const alias = (code = `alias-${++serial}`): ChosenCode => aliasCode(code);
