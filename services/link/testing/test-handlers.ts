// The handlers of the service on a database of their own, called through serialization and the errors, without a socket.
import { randomBytes } from 'node:crypto';
import {
  type Client,
  type Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type Interceptor,
} from '@connectrpc/connect';
import type { Pool } from 'pg';
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
import { createChangeFeed } from '../changes/change-feed.ts';
import { postgresChangeLog } from '../changes/change-log.postgres.ts';
import { createCodeSource } from '../codes/code-blocks.ts';
import { createOwnHosts } from '../destinations/destination.ts';
import { createHandlers } from '../handlers.ts';
import { createClickCounts } from '../links/click-counts.ts';
import { createShortUrls } from '../links/link-message.ts';
import { createLinks } from '../links/links.ts';
import { createUseQueue } from '../links/use-queue.ts';
import { postgresStore } from '../store.postgres.ts';

/** What a test may change; a new one for each test. */
interface Circumstances {
  /** Who calls. */
  person: PersonCaller;
  /** Clicks by link id, as analytics would answer; undefined while it is away. */
  clicks: Record<string, number> | undefined;
  /** Whether creates are refused because there are too many. */
  shedding: boolean;
}

export interface TestHandlers {
  readonly pool: Pool;
  readonly client: Client<typeof LinkService>;
  /** The key of the generated codes. */
  readonly key: CodeKey;
  readonly closedWorkspaces: readonly string[];
  readonly given: Circumstances;
  /** Another person, no clicks, nothing is shed. */
  reset(): void;
  stop(): Promise<void>;
}

/** Domains hop.example (the default) and go.example. */
export async function startTestHandlers(): Promise<TestHandlers> {
  const database = await postgresFor('link');
  const pool = database.openPool({ max: 8 });
  const feed = createChangeFeed({ changeLog: postgresChangeLog(pool), log: silentLog });
  const store = postgresStore(pool, { committed: feed.committed });
  const key = createCodeKey({ id: 1, secret: randomBytes(32) });
  const codes = createCodeSource({ store, keys: [key], blockSize: 100, announceMs: 0 });
  await codes.open();
  const given = circumstances();
  const closedWorkspaces: string[] = [];
  const admit = (): void => {
    if (given.shedding) throw unavailable('OVERLOADED', 'Not now.', 1_000);
  };
  const domains = createDomains({ domains: ['hop.example', 'go.example'] });
  const implementation = createHandlers({
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
  const interceptors = [callingAs(() => given.person), asErrors];
  return {
    pool,
    client: createClient(
      LinkService,
      createRouterTransport(({ service }) => service(LinkService, implementation), { router: { interceptors } }),
    ),
    key,
    closedWorkspaces,
    given,
    reset: () => void Object.assign(given, circumstances()),
    async stop() {
      await feed.stop();
      await database.drop();
    },
  };
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
