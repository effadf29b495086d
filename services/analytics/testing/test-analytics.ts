// The whole service on a database of its own, beside a link service that knows what a test tells it.
import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import type { Pool } from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import { type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { LinkService, type LookupLinksRequest } from '#gen/link/v1/link_service_pb.ts';
import type { Revocations } from '#runtime/caller/revocations.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { type ConcurrencyLimit, createConcurrencyLimit } from '#runtime/limits/concurrency-limit.ts';
import { createReplicas } from '#runtime/postgres/replicas.ts';
import { meshClient } from '#runtime/rpc/client.ts';
import { service } from '#runtime/rpc/serve.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { testKeys, testPerson } from '#runtime/testing/keys.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { startTestServer, type TestServer } from '#runtime/testing/test-server.ts';
import { createHandlers } from '../handlers.ts';
import { postgresLiveStore } from '../live/live-clicks.postgres.ts';
import { createLiveFeed } from '../live/live-feed.ts';
import { createWatchStreams } from '../live/watch-streams.ts';
import { createWorkspaceFeed } from '../live/workspace-feed.ts';
import { postgresEraseStore } from '../retention/erase.postgres.ts';
import { postgresClickListStore } from '../statistics/click-list.postgres.ts';
import { postgresStatsStore } from '../statistics/stats-store.postgres.ts';
import { postgresWorkspaceCounts, postgresWorkspaceStore } from '../statistics/workspace/workspace-store.postgres.ts';
import { postgresStore } from '../store.postgres.ts';
import { soundBatch, type TestClick } from './clicks.ts';

/** What the clock of the handlers shows. */
export const now = Date.UTC(2026, 4, 20, 10, 30);

const twoDaysAgo = timestampFromMs(now - 2 * 86_400_000);
const keys = testKeys();
/** Of a stream of `server`: longer than a machine stands still; and of one of `hasty`. */
const lifetimeMs = 20_000;
export const shortLifetimeMs = 500;

/** What a test may change. */
interface Circumstances {
  /** What the link service has, by code. */
  readonly links: Map<string, LinkRecord>;
  /** Ids of credentials. */
  readonly revoked: Set<string> & Pick<Revocations, 'mayHaveForgotten'>;
  /** How the link service refuses to look links up; undefined while it does not. */
  linksRefuse: Code | undefined;
}

interface Parts {
  /** Of a workspace's reads: two at once, for which others do not wait long. */
  readonly readLimit: ConcurrencyLimit;
  readonly pool: Pool;
  /** For at most four streams, of which two may be one person's. */
  readonly server: TestServer;
  /** As `server`, but its streams are soon over. */
  readonly hasty: TestServer;
  stop(): Promise<void>;
}

type KnownLink = Pick<LinkRecord, 'code'> & Partial<Omit<LinkRecord, '$typeName' | '$unknown'>>;

export interface TestAnalytics extends Parts {
  readonly given: Circumstances;
  readonly person: PersonCaller;
  /** Tells the link service of a link, which is the person's unless told otherwise, and takes the code from another one. */
  keep(link: KnownLink): LinkRecord;
  /** Counts clicks, as if they had come from a partition. */
  take(clicks: readonly TestClick[], partition?: number): Promise<void>;
}

/** Codes under which the person finds no link: there is none, it is another workspace's, it is deleted. */
export const outOfReach = ['nothing', 'other', 'deleted'];

/** Starts it for the tests of a file, and stops it after them; to be called at its top. Its parts are there when the tests run. */
export function useTestAnalytics(): TestAnalytics {
  const revoked = Object.assign(new Set<string>(), { mayHaveForgotten: () => false });
  const given: Circumstances = { links: new Map(), revoked, linksRefuse: undefined };
  const person = testPerson();
  let partitions = 0;
  const analytics = {
    given,
    person,
    keep(link) {
      const plain = { id: randomUUID(), domain: 'localhost', workspaceId: person.workspaceId, createdAt: twoDaysAgo };
      const record = create(LinkRecordSchema, { ...plain, ...link });
      given.links.set(record.code, record);
      return record;
    },
    async take(clicks, partition = partitions++) {
      const delivery = { topic: randomUUID(), partition, expected: undefined, next: 1n, notBeforeUs: 0 };
      await postgresStore(analytics.pool).take({ ...delivery, batches: [soundBatch(clicks)] });
    },
  } as TestAnalytics;
  analytics.keep({ code: 'other', workspaceId: randomUUID() });
  analytics.keep({ code: 'deleted', deletedAt: timestampFromMs(now) });
  beforeAll(async () => void Object.assign(analytics, await start(given)));
  afterAll(() => analytics.stop());
  return analytics;
}

async function start(given: Circumstances): Promise<Parts> {
  const database = await postgresFor('analytics');
  const pool = database.openPool({ max: 8, statementTimeoutMs: 20_000 });
  const linkServer = await startTestServer({ keys, services: [service(LinkService, linkHandlers(given))] });
  const links = meshClient(LinkService, { addresses: [linkServer.address], issuer: keys.identity('analytics') });
  const feed = createLiveFeed({ store: postgresLiveStore(pool), log: silentLog, pollMs: 20 });
  const workspaces = createWorkspaceFeed({ store: postgresWorkspaceCounts(pool), log: silentLog, pollMs: 20 });
  const readLimit = createConcurrencyLimit({ most: 2, maxWaiting: 8, patienceMs: 200 });
  const bounds = { streams: 4, streamsPerCaller: 2, heartbeatMs: 200, checkMs: 50 };
  const serve = async (lifetimeMs: number) => {
    const streams = createWatchStreams({
      ...{ feed, workspaces, links, revocations: given.revoked },
      ...{ ...bounds, lifetimeMs },
    });
    const handlers = createHandlers({ ...storesOn(pool), readLimit, streams, links, now: () => now });
    return { streams, server: await startTestServer({ keys, services: [service(AnalyticsService, handlers)] }) };
  };
  const [lasting, hasty] = [await serve(lifetimeMs), await serve(shortLifetimeMs)];
  return {
    ...{ pool, readLimit },
    server: lasting.server,
    hasty: hasty.server,
    async stop() {
      for (const { server, streams } of [lasting, hasty]) {
        await server.stop();
        streams.stop();
      }
      await feed.stop();
      await workspaces.stop();
      await linkServer.stop();
      await database.drop();
    },
  };
}

function storesOn(pool: Pool) {
  const reads = createReplicas({ primary: pool, replicas: [], log: silentLog });
  return {
    store: postgresStore(pool),
    stats: postgresStatsStore(reads),
    workspaces: postgresWorkspaceStore(reads),
    list: postgresClickListStore(reads),
    erasure: postgresEraseStore(pool),
    retentionDays: 400,
    minutesRetentionDays: 35,
  };
}

/** What the link service answers, with its rules about who may ask. */
function linkHandlers(given: Circumstances): ServiceImpl<typeof LinkService> {
  const refuse = (): never => {
    throw new Error('analytics has no business with this call');
  };
  const find = ({ names, workspaceId, linkIds }: LookupLinksRequest) => [
    ...names.flatMap(({ code }) => given.links.get(code) ?? []),
    ...[...given.links.values()].filter((link) => link.workspaceId === workspaceId && linkIds.includes(link.id)),
  ];
  return {
    ...Object.fromEntries(LinkService.methods.map(({ localName }) => [localName, refuse])),
    lookupLinks: (request: LookupLinksRequest) => {
      if (given.linksRefuse !== undefined) throw new ConnectError('not now', given.linksRefuse);
      return {
        records: find(request),
        unknownDomains: request.names.flatMap(({ domain }) => (['', 'localhost'].includes(domain) ? [] : domain)),
      };
    },
  } as unknown as ServiceImpl<typeof LinkService>;
}

/** The error of a call that must fail. */
export async function faultOf(call: Promise<unknown>): Promise<ConnectError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  throw new Error('The call succeeded.');
}
