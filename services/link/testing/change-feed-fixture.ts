import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { createPool } from '#runtime/postgres/pool.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { writeCursor } from '../changes/change-cursor.ts';
import { type ChangeFeed, createChangeFeed, type FeedSettings } from '../changes/change-feed.ts';
import { postgresChangeLog } from '../changes/change-log.postgres.ts';
import type { ChangeLog } from '../changes/change-log.ts';
import type { WatchEvent } from '../changes/subscription.ts';
import { postgresStore } from '../store.postgres.ts';
import type { LinkStore } from '../store.ts';
import { aliasCode, newLink } from './links.ts';

interface Parts {
  readonly pool: Pool;
  readonly changeLog: ChangeLog;
  readonly store: LinkStore;
  drop(): Promise<void>;
}

export interface TestChangeFeed extends Parts {
  /** As one more process would have it; stopped after the test. */
  openFeed(settings?: Partial<FeedSettings>): ChangeFeed;
  /** Creates a link and answers its code. */
  make(code?: string): Promise<string>;
}

/** A change log on a database of its own, for the tests of a file; to be called at its top. Its parts are there when the tests run. */
export function useChangeFeed(): TestChangeFeed {
  const feeds: ChangeFeed[] = [];
  const workspaceId = randomUUID();
  let serial = 0;
  const on = {
    openFeed(settings = {}) {
      const feed = createChangeFeed({ changeLog: on.changeLog, log: silentLog, ...settings });
      feeds.push(feed);
      return feed;
    },
    async make(code = `c-${++serial}`) {
      await on.store.create(newLink({ workspaceId }), aliasCode(code));
      return code;
    },
  } as TestChangeFeed;
  beforeAll(async () => void Object.assign(on, await openLog()));
  afterEach(async () => {
    for (const feed of feeds.splice(0)) await feed.stop();
  });
  afterAll(() => on.drop());
  return on;
}

async function openLog(): Promise<Parts> {
  const database = await postgresFor('link');
  const patience = { connectTimeoutMs: 20_000, statementTimeoutMs: 10_000 };
  const pool = createPool(database.url, { max: 8, maxWaiting: 500, ...patience, log: silentLog });
  const watchPool = createPool(database.url, { max: 8, connectTimeoutMs: 20_000, log: silentLog });
  const changeLog = postgresChangeLog(watchPool);
  return {
    pool,
    changeLog,
    store: postgresStore(pool, { committed: () => void changeLog.announce() }),
    async drop() {
      await pool.end();
      await watchPool.end();
      await database.drop();
    },
  };
}

/** A watcher that notes all it is told. */
export function watch(feed: ChangeFeed, cursor = '') {
  const events: WatchEvent[] = [];
  const leaving = new AbortController();
  let failure: unknown;
  const done = (async () => {
    for await (const batch of feed.subscribe(cursor, leaving.signal)) events.push(...batch);
  })().catch((error: unknown) => {
    failure = error;
  });
  const codes = () => events.flatMap((event) => (event.type === 'change' ? [event.change.record.code] : []));
  return {
    events,
    codes,
    failure: () => failure,
    heartbeats: () => events.filter((event) => event.type === 'heartbeat'),
    cursor: () => {
      const heartbeat = events.findLast((event) => event.type === 'heartbeat');
      return heartbeat ? writeCursor(heartbeat.cursor) : '';
    },
    /** Resolves once a heartbeat came that was read after now. */
    async caughtUp() {
      const start = events.length;
      await waitFor(() => events.slice(start).filter(({ type }) => type === 'heartbeat').length >= 2, {
        timeoutMs: 5_000,
      });
    },
    async leave() {
      leaving.abort();
      await done;
    },
  };
}
