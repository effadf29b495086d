// The handlers of the service on a database of their own, called through serialization and the errors, without a socket.
import { randomBytes } from 'node:crypto';
import {
  type Client,
  type Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type Interceptor,
  type Transport,
} from '@connectrpc/connect';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { toConnectError, unavailable } from '#runtime/errors/errors.ts';
import { callerKey } from '#runtime/rpc/call.ts';
import { type CodeKey, createCodeKey } from '#runtime/shortlink/code-space.ts';
import { createDomains } from '#runtime/shortlink/link-key.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { testPerson } from '#runtime/testing/keys.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { type ChangeFeed, createChangeFeed } from '../changes/change-feed.ts';
import { postgresChangeLog } from '../changes/change-log.postgres.ts';
import { createCodeSource } from '../codes/code-blocks.ts';
import { createOwnHosts } from '../destinations/destination.ts';
import { createHandlers } from '../handlers.ts';
import { createClickCounts } from '../links/click-counts.ts';
import { createShortUrls } from '../links/link-message.ts';
import { createLinks } from '../links/links.ts';
import { createUseQueue } from '../links/use-queue.ts';
import { postgresStore } from '../store.postgres.ts';

/** What a test may change; each test begins with another person, no clicks, and nothing shed. */
interface Circumstances {
  /** Who calls. */
  person: PersonCaller;
  /** Clicks by link id, as analytics would answer; undefined while it is away. */
  clicks: Record<string, number> | undefined;
  /** Whether creates are refused because there are too many. */
  shedding: boolean;
}

export interface TestHandlers {
  readonly client: Client<typeof LinkService>;
  readonly query: Pool['query'];
  /** The key of the generated codes. */
  readonly key: CodeKey;
  readonly closedWorkspaces: readonly string[];
  readonly given: Circumstances;
}

/** Starts them for the tests of a file and stops them after it; to be called at its top. Domains hop.example (the default) and go.example. */
export function useTestHandlers(): TestHandlers {
  const key = createCodeKey({ id: 1, secret: randomBytes(32) });
  const given = circumstances();
  const closedWorkspaces: string[] = [];
  let pool: Pool;
  let transport: Transport;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    const database = await postgresFor('link');
    pool = database.openPool({ max: 8 });
    const feed = createChangeFeed({ changeLog: postgresChangeLog(pool), log: silentLog });
    const handlers = await handlersOn(pool, { feed, key, given, closedWorkspaces });
    const interceptors = [callingAs(() => given.person), asErrors];
    transport = createRouterTransport(({ service }) => service(LinkService, handlers), { router: { interceptors } });
    stop = async () => {
      await feed.stop();
      await database.drop();
    };
  });
  beforeEach(() => void Object.assign(given, circumstances()));
  afterAll(() => stop());
  return {
    client: createClient(LinkService, {
      unary: (...call) => transport.unary(...call),
      stream: (...call) => transport.stream(...call),
    }),
    query: ((...query: Parameters<Pool['query']>) => pool.query(...query)) as Pool['query'],
    key,
    closedWorkspaces,
    given,
  };
}

interface Parts extends Pick<TestHandlers, 'key' | 'given'> {
  readonly feed: ChangeFeed;
  readonly closedWorkspaces: string[];
}

async function handlersOn(pool: Pool, { feed, key, given, closedWorkspaces }: Parts) {
  const store = postgresStore(pool, { committed: feed.committed });
  const codes = createCodeSource({ store, keys: [key], blockSize: 100, announceMs: 0 });
  await codes.open();
  const admit = (): void => {
    if (given.shedding) throw unavailable('OVERLOADED', 'Not now.', 1_000);
  };
  const domains = createDomains({ domains: ['hop.example', 'go.example'] });
  return createHandlers({
    domains,
    destinations: {
      isOwnHost: createOwnHosts(domains, ['127.0.0.1'], 'https://hop.example'),
      allowPrivate: false,
    },
    shortUrl: createShortUrls('https://hop.example', 'hop.example'),
    store,
    links: createLinks({ store, codes, admit, writeToCache: async () => {}, cacheWriteMs: 20, lookalikeDelayMs: 0 }),
    takeUse: createUseQueue(store),
    closing: { close: async (workspaceId) => void closedWorkspaces.push(workspaceId) },
    feed,
    clicks: createClickCounts({
      fire: async () => {
        if (!given.clicks) throw new Error('away');
        return given.clicks;
      },
    }),
  });
}

/** The code and the reason of a refusal. */
export async function refusal(call: Promise<unknown>): Promise<[Code, string | undefined]> {
  const error = ConnectError.from(
    await call.then(
      () => undefined,
      (cause: unknown) => cause,
    ),
  );
  return [error.code, error.findDetails(ErrorInfoSchema)[0]?.reason];
}

const circumstances = (): Circumstances => ({ person: testPerson(), clicks: {}, shedding: false });

const callingAs =
  (person: () => PersonCaller): Interceptor =>
  (next) =>
  (request) => {
    request.contextValues.set(callerKey, person());
    return next(request);
  };

const asErrors: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    throw toConnectError(error);
  }
};
