import { randomBytes, randomUUID } from 'node:crypto';
import { type Timestamp, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type Client,
  Code,
  ConnectError,
  createClient,
  createRouterTransport,
  type Interceptor,
} from '@connectrpc/connect';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { BadRequestSchema, ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { toConnectError, unavailable } from '#runtime/errors/errors.ts';
import { callerKey } from '#runtime/rpc/call.ts';
import { createCodeKey } from '#runtime/shortlink/code-space.ts';
import { createDomains } from '#runtime/shortlink/link-key.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { startMetrics } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { testPerson } from '#runtime/testing/keys.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { type ChangeFeed, createChangeFeed } from './changes/change-feed.ts';
import { postgresChangeLog } from './changes/change-log.postgres.ts';
import { createCodeSource } from './codes/code-blocks.ts';
import { createOwnHosts } from './destinations/destination.ts';
import { createHandlers } from './handlers.ts';
import { createClickCounts } from './links/click-counts.ts';
import { createShortUrls } from './links/link-message.ts';
import { createLinks } from './links/links.ts';
import { createUseQueue } from './links/use-queue.ts';
import { postgresStore } from './store.postgres.ts';

let database: TestDatabase;
let pool: Pool;
let feed: ChangeFeed;
let person: PersonCaller;
let client: Client<typeof LinkService>;
let clicks: Record<string, number> | undefined;
let shedding = false;
const closed: string[] = [];
const key = createCodeKey({ id: 1, secret: randomBytes(32) });

beforeAll(async () => {
  database = await postgresFor('link');
  pool = database.openPool({ max: 8 });
  feed = createChangeFeed({ changeLog: postgresChangeLog(pool), log: silentLog });
  const store = postgresStore(pool, { committed: feed.committed });
  const codes = createCodeSource({ store, keys: [key], blockSize: 100, announceMs: 0 });
  await codes.open();
  const domains = createDomains({ domains: ['hop.example', 'go.example'] });
  const isOwnHost = createOwnHosts(domains, ['127.0.0.1'], 'https://hop.example');
  const handlers = createHandlers({
    domains,
    destinations: { isOwnHost, allowPrivate: false },
    shortUrl: createShortUrls('https://hop.example', 'hop.example'),
    store,
    links: createLinks({ store, codes, admit, writeToCache: async () => {}, cacheWriteMs: 20, lookalikeDelayMs: 0 }),
    takeUse: createUseQueue(store),
    closing: { close: async (workspaceId) => void closed.push(workspaceId) },
    feed,
    clicks: createClickCounts({
      fire: async () => {
        if (!clicks) throw new Error('away');
        return clicks;
      },
    }),
  });
  const interceptors = [asPerson, asErrors];
  client = createClient(
    LinkService,
    createRouterTransport((router) => router.service(LinkService, handlers), { router: { interceptors } }),
  );
});

afterAll(async () => {
  await feed.stop();
  await database.drop();
});

beforeEach(() => {
  person = testPerson();
  clicks = {};
  shedding = false;
});

afterEach(() => {
  vi.useRealTimers();
});

function admit(): void {
  if (shedding) throw unavailable('OVERLOADED', 'Not now.', 1_000);
}

const asPerson: Interceptor = (next) => (request) => {
  request.contextValues.set(callerKey, person);
  return next(request);
};

const asErrors: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    throw toConnectError(error);
  }
};

const longUrl = 'https://example.com/a';

async function refusal(call: Promise<unknown>): Promise<[Code, string | undefined]> {
  const error = ConnectError.from(
    await call.then(
      () => undefined,
      (cause: unknown) => cause,
    ),
  );
  return [error.code, error.findDetails(ErrorInfoSchema)[0]?.reason];
}

describe('creating', () => {
  test('a generated code, with all defaults', async () => {
    let status: string | null = null;
    const link = await client.createLink({ longUrl }, { onHeader: (header) => (status = header.get('x-status')) });
    expect(status).toBe('201');
    expect(link.code).toMatch(/^[0-9A-Za-z]{7}$/);
    expect(key.numberOf(link.code)).toBeGreaterThan(0);
    expect(link).toMatchObject({
      domain: 'hop.example',
      shortUrl: `https://hop.example/${link.code}`,
      longUrl,
      redirectStatus: 302,
      isActive: true,
      state: 'active',
      clickCount: 0,
    });
    expect(link.etag).not.toBe('');
    expect(await client.getLink({ code: link.code })).toEqual(link);
  });

  test('a ttl counts from when the link was made, and from the edit that gives another one', async () => {
    const made = await client.createLink({ longUrl, ttl: 60 });
    const lasts = (from?: Timestamp, to?: Timestamp) => from && to && timestampMs(to) - timestampMs(from);
    expect(lasts(made.createdAt, made.expiresAt)).toBe(60_000);
    const edited = await client.updateLink({ code: made.code, patch: { ttl: 90 } });
    expect(lasts(edited.updatedAt, edited.expiresAt)).toBe(90_000);
    expect(await client.getLink({ code: made.code })).toEqual(edited);
  });

  test('an alias of any script is one in every normal form', async () => {
    const name = `cafe\u0301-${randomUUID().slice(0, 8)}`;
    const link = await client.createLink({
      originalUrl: longUrl,
      alias: name,
      tags: ['b', 'a', 'b'],
      title: 'T',
      ttl: 60,
    });
    expect(link.code).toBe(name.normalize('NFC'));
    expect(link.shortUrl).toBe(`https://hop.example/${encodeURIComponent(link.code)}`);
    expect(link.tags).toEqual(['a', 'b']);
    expect((await client.getLink({ code: name })).id).toBe(link.id);
    expect(await refusal(client.createLink({ longUrl, alias: name.normalize('NFC') }))).toEqual([
      Code.AlreadyExists,
      'ALIAS_TAKEN',
    ]);
    expect((await client.createLink({ longUrl, alias: name, domain: 'GO.example' })).domain).toBe('go.example');
  });

  test('a taken number is skipped, and counted', async () => {
    const metrics = await startMetrics({ instance: 'link', metricsAddress: { host: '127.0.0.1', port: 0 } });
    const next = key.numberOf((await client.createLink({ longUrl })).code) + 1;
    await client.createLink({ longUrl, alias: key.codeOf(next) });
    expect(key.numberOf((await client.createLink({ longUrl })).code)).toBe(next + 1);
    expect((await metrics.read()).sum(metric.linkCodesTaken)).toBe(1);
    await metrics.stop();
  });

  test.each([
    ['no destination', 'DESTINATION_INVALID', { longUrl: '' }],
    ['two destinations', 'INVALID_ARGUMENT', { longUrl, originalUrl: longUrl }],
    ['another scheme', 'DESTINATION_INVALID', { longUrl: 'ftp://example.com' }],
    ['a loop', 'DESTINATION_REFUSED', { longUrl: 'https://hop.example/x' }],
    ['a loopback address', 'DESTINATION_REFUSED', { longUrl: 'http://0x7f.1/' }],
    ['a reserved word', 'ALIAS_RESERVED', { longUrl, alias: 'API' }],
    ['a reserved file', 'ALIAS_RESERVED', { longUrl, alias: 'Robots.txt' }],
    ['a reserved word in wide letters', 'ALIAS_RESERVED', { longUrl, alias: 'Ａｄｍｉｎ' }],
    ['a space in the alias', 'ALIAS_INVALID', { longUrl, alias: 'a b' }],
    ['an empty alias', 'ALIAS_INVALID', { longUrl, alias: '' }],
    ['a long alias', 'ALIAS_INVALID', { longUrl, alias: 'x'.repeat(65) }],
    ['no time to live', 'INVALID_ARGUMENT', { longUrl, ttl: 0 }],
    ['two ends', 'INVALID_ARGUMENT', { longUrl, ttl: 5, expiresAt: timestampFromMs(Date.now() + 9_000) }],
    ['an end in the past', 'INVALID_ARGUMENT', { longUrl, expiresAt: timestampFromMs(Date.now() - 9_000) }],
    ['a domain of others', 'DOMAIN_UNKNOWN', { longUrl, domain: 'other.example' }],
    ['a line break', 'INVALID_ARGUMENT', { longUrl, title: 'a\nb' }],
  ])('%s is refused: %s', async (_what, reason, request) => {
    expect(await refusal(client.createLink(request))).toEqual([Code.InvalidArgument, reason]);
  });

  test('what the operator has taken down is refused by its name: a host, a link, a workspace', async () => {
    const link = await client.createLink({ longUrl });
    const evil = 'https://login.evil.example/';
    const [edit, toEvil] = [{ title: 'T' }, { longUrl: evil }].map((patch) => ({ code: link.code, patch }));
    const takenDown = (subject: string) => pool.query('insert into takedowns (subject) values ($1)', [subject]);
    const outcomes = async () => [
      await refusal(client.createLink({ longUrl: evil })),
      await refusal(client.updateLink(toEvil ?? {})),
      await refusal(client.updateLink(edit ?? {})),
    ];
    const refused = [Code.InvalidArgument, 'DESTINATION_REFUSED'];
    const answered = [Code.Unknown, undefined];
    await takenDown('host:evil.example');
    expect(await outcomes()).toEqual([refused, refused, answered]);
    await takenDown(`link:${link.id}`);
    const down = [Code.PermissionDenied, 'LINK_TAKEN_DOWN'];
    expect(await outcomes()).toEqual([refused, down, down]);
    await takenDown(`workspace:${person.workspaceId}`);
    expect(await outcomes()).toEqual([[Code.PermissionDenied, 'WORKSPACE_TAKEN_DOWN'], down, down]);
  });

  test.each(['admin\u034f', 'api\ufe0f', 'a\u3164dmin', '\u3164', '\u115f', 'x\u{e0100}', '\u0301admin'])(
    'an alias is refused that holds what nobody sees, or begins with a mark: %j',
    async (alias) => {
      expect(await refusal(client.createLink({ longUrl, alias }))).toEqual([Code.InvalidArgument, 'ALIAS_INVALID']);
    },
  );

  test('an idempotency key answers the first success again', async () => {
    const headers = { 'idempotency-key': 'k 1' };
    let replayed: string | null = null;
    const onHeader = (header: Headers) => (replayed = header.get('idempotency-replayed'));
    const first = await client.createLink({ longUrl, ttl: 60 }, { headers });
    const again = await client.createLink({ originalUrl: longUrl, ttl: 60 }, { headers, onHeader });
    expect([again, replayed]).toEqual([first, 'true']);
    expect(await refusal(client.createLink({ longUrl }, { headers }))).toEqual([
      Code.AlreadyExists,
      'IDEMPOTENCY_KEY_REUSED',
    ]);
    const tooLong = { 'idempotency-key': 'x'.repeat(256) };
    expect(await refusal(client.createLink({ longUrl }, { headers: tooLong }))).toEqual([
      Code.InvalidArgument,
      'IDEMPOTENCY_KEY_INVALID',
    ]);
  });

  test('it does so when the time of the link is over, and takes no code', async () => {
    const headers = { 'idempotency-key': 'ends' };
    const request = { longUrl, expiresAt: timestampFromMs(Date.now() + 60_000) };
    const first = await client.createLink(request, { headers });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    expect(await client.createLink(request, { headers })).toEqual(first);
    expect(await refusal(client.createLink({ ...request, title: 'Another' }, { headers }))).toEqual([
      Code.AlreadyExists,
      'IDEMPOTENCY_KEY_REUSED',
    ]);
    expect(await refusal(client.createLink(request))).toEqual([Code.InvalidArgument, 'INVALID_ARGUMENT']);
    shedding = true;
    for (const options of [{}, { headers }])
      expect(await refusal(client.createLink({ longUrl }, options))).toEqual([Code.Unavailable, 'OVERLOADED']);
  });
});

describe('changing', () => {
  test('If-Match is one of the etags it may be, and every answer says the one there is', async () => {
    let said: string | null = null;
    const asked = (ifMatch: string) => ({
      headers: { 'if-match': ifMatch },
      onHeader: (headers: Headers) => {
        said = headers.get('etag');
      },
    });
    const { code, etag } = await client.createLink({ longUrl }, asked(''));
    expect(said).toBe(`"${etag}"`);
    for (const stale of ['"x"', 'W/"x", "y"', '""', '']) {
      const calls = [
        () => client.updateLink({ code, patch: { title: 'N' } }, asked(stale)),
        () => client.deleteLink({ code }, asked(stale)),
      ];
      for (const call of calls) expect(await refusal(call())).toEqual([Code.Aborted, 'ETAG_STALE']);
    }
    const both = client.updateLink({ code, patch: { title: 'N', etag: 'x' } }, asked(`"${etag}"`));
    expect(await refusal(both)).toEqual([Code.Aborted, 'ETAG_STALE']);
    const next = await client.updateLink({ code, patch: { title: 'N' } }, asked(`"x", "${etag}"`));
    expect(said).toBe(`"${next.etag}"`);
    await client.getLink({ code }, asked('"x"'));
    expect(said).toBe(`"${next.etag}"`);
    await client.updateLink({ code, patch: { title: 'M' } }, asked('*'));
    const { etag: last } = await client.getLink({ code });
    await client.deleteLink({ code }, asked(`"${last}"`));
  });

  test('a deleted link is absent, whichever etag the caller saw', async () => {
    const { code, etag } = await client.createLink({ longUrl });
    await client.deleteLink({ code, etag });
    const headers = { 'if-match': `"${etag}"` };
    const absent = [Code.NotFound, 'LINK_NOT_FOUND'];
    expect(await refusal(client.deleteLink({ code, etag }))).toEqual(absent);
    expect(await refusal(client.deleteLink({ code }, { headers }))).toEqual(absent);
    const deleted = [Code.NotFound, 'LINK_DELETED'];
    expect(await refusal(client.updateLink({ code, patch: { title: 'N', etag } }))).toEqual(deleted);
    expect(await refusal(client.updateLink({ code, patch: { title: 'N' } }, { headers }))).toEqual(deleted);
    expect(await refusal(client.undeleteLink({ code }, { headers }))).toEqual([Code.Aborted, 'ETAG_STALE']);
  });

  test('where a link may not lead is said of the field that it was asked by', async () => {
    await pool.query('insert into takedowns (subject, reason) values ($1, $2)', ['host:down.example', 'a test']);
    const { code } = await client.createLink({ longUrl });
    const down = 'https://down.example/';
    const fieldOf = async (call: Promise<unknown>) => {
      const error = ConnectError.from(await call.catch((cause: unknown) => cause));
      expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe('DESTINATION_REFUSED');
      return error.findDetails(BadRequestSchema)[0]?.fieldViolations.map(({ field }) => field);
    };
    expect(await fieldOf(client.createLink({ longUrl: down }))).toEqual(['long_url']);
    expect(await fieldOf(client.createLink({ originalUrl: down }))).toEqual(['original_url']);
    expect(await fieldOf(client.updateLink({ code, patch: { originalUrl: down } }))).toEqual(['original_url']);
    await pool.query('truncate takedowns');
  });

  test('only what is present, cleared by the mask, guarded by the etag', async () => {
    const made = await client.createLink({ longUrl, title: 'T', tags: ['x'], ttl: 600 });
    const { code } = made;
    const off = await client.updateLink({ code, patch: { isActive: false, etag: made.etag } });
    expect(off).toMatchObject({ isActive: false, state: 'disabled', title: 'T', tags: ['x'], longUrl });
    expect(off.etag).not.toBe(made.etag);
    expect(await refusal(client.updateLink({ code, patch: { title: 'N', etag: made.etag } }))).toEqual([
      Code.Aborted,
      'ETAG_STALE',
    ]);
    const cleared = await client.updateLink({ code, updateMask: { paths: ['expires_at', 'tags', 'title'] } });
    expect(cleared.expiresAt).toBeUndefined();
    expect(cleared).toMatchObject({ title: '', tags: [], isActive: false });
    const kept = await client.updateLink({
      code,
      patch: { title: 'N', tags: ['y'] },
      updateMask: { paths: ['title', 'tags'] },
    });
    expect(kept).toMatchObject({ title: 'N', tags: ['y'] });
    expect(await refusal(client.updateLink({ code, updateMask: { paths: ['id'] } }))).toEqual([
      Code.InvalidArgument,
      'INVALID_ARGUMENT',
    ]);
    expect(await client.updateLink({ code })).toEqual(kept);
  });

  test('what a mask names is cleared, under each of its names, or set to its default', async () => {
    const { code } = await client.createLink({ longUrl, ttl: 600, redirectStatus: 301 });
    const cleared = await client.updateLink({ code, updateMask: { paths: ['ttl', 'redirect_status'] } });
    expect([cleared.expiresAt, cleared.redirectStatus]).toEqual([undefined, 302]);
    const ended = await client.updateLink({ code, patch: { ttl: 600 }, updateMask: { paths: ['expires_at'] } });
    expect(ended.expiresAt).toBeDefined();
    const renamed = await client.updateLink({
      code,
      patch: { originalUrl: 'https://example.com/b', isActive: false },
      updateMask: { paths: ['long_url', 'is_active'] },
    });
    expect(renamed).toMatchObject({ longUrl: 'https://example.com/b', isActive: false });
  });

  test.each([
    ['an empty destination', 'DESTINATION_INVALID', { patch: { longUrl: '' } }],
    ['an empty destination by its other name', 'DESTINATION_INVALID', { patch: { originalUrl: '' } }],
    ['two destinations', 'INVALID_ARGUMENT', { patch: { longUrl: '', originalUrl: longUrl } }],
    ['no value for alias', 'INVALID_ARGUMENT', { updateMask: { paths: ['alias'] } }],
    ['no value for long_url', 'INVALID_ARGUMENT', { updateMask: { paths: ['long_url'] } }],
    ['no value for originalUrl', 'INVALID_ARGUMENT', { updateMask: { paths: ['originalUrl'] } }],
    ['no value for is_active', 'INVALID_ARGUMENT', { updateMask: { paths: ['is_active'] } }],
  ])('%s is refused: %s', async (_what, reason, request) => {
    const { code } = await client.createLink({ longUrl });
    expect(await refusal(client.updateLink({ code, ...request }))).toEqual([Code.InvalidArgument, reason]);
  });

  test('a mask of very many or very long names is refused in a few words', async () => {
    const { code } = await client.createLink({ longUrl });
    const paths = Array.from({ length: 10_000 }, (_, index) => `${index}${'x'.repeat(100)}`);
    const error = await client.updateLink({ code, updateMask: { paths } }).catch(ConnectError.from);
    if (!(error instanceof ConnectError)) throw new Error('It was not refused.');
    expect(error.code).toBe(Code.InvalidArgument);
    expect(error.rawMessage.length).toBeLessThan(8_000);
  });

  test('a rename moves the link and frees the code', async () => {
    const made = await client.createLink({ longUrl });
    const alias = `n-${randomUUID()}`;
    const moved = await client.updateLink({ code: made.code, patch: { alias } });
    expect(moved).toMatchObject({ id: made.id, code: alias });
    expect(await refusal(client.getLink({ code: made.code }))).toEqual([Code.NotFound, 'LINK_NOT_FOUND']);
    expect((await client.createLink({ longUrl, alias: made.code })).code).toBe(made.code);
  });

  test('a deleted link is kept from others, and restored', async () => {
    const { code } = await client.createLink({ longUrl });
    expect(await client.deleteLink({ code })).toBeDefined();
    expect(await refusal(client.deleteLink({ code }))).toEqual([Code.NotFound, 'LINK_NOT_FOUND']);
    expect(await refusal(client.createLink({ longUrl, alias: code }))).toEqual([Code.AlreadyExists, 'ALIAS_TAKEN']);
    expect(await refusal(client.updateLink({ code, patch: { title: 'x' } }))).toEqual([Code.NotFound, 'LINK_DELETED']);
    expect(await refusal(client.getLink({ code }))).toEqual([Code.NotFound, 'LINK_DELETED']);
    const back = await client.undeleteLink({ code });
    expect(back.state).toBe('active');
    expect(await client.undeleteLink({ code })).toEqual(back);
    await client.deleteLink({ code });
    await pool.query("update links set deleted_at = deleted_at - interval '31 days' where code = $1", [code]);
    expect(await refusal(client.undeleteLink({ code }))).toEqual([Code.NotFound, 'UNDELETE_EXPIRED']);
  });

  test('a stranger finds nothing', async () => {
    const { code } = await client.createLink({ longUrl });
    person = testPerson();
    const calls = [
      client.getLink({ code }),
      client.updateLink({ code, patch: { title: 'x' } }),
      client.deleteLink({ code }),
      client.undeleteLink({ code }),
      client.getLink({ code: 'a\0b' }),
    ];
    for (const refused of await Promise.all(calls.map(refusal)))
      expect(refused).toEqual([Code.NotFound, 'LINK_NOT_FOUND']);
  });
});

describe('listing', () => {
  async function all(request: Parameters<typeof client.listLinks>[0]): Promise<{ links: Link[]; pages: number }> {
    const links: Link[] = [];
    let pageToken = '';
    let pages = 0;
    do {
      const page = await client.listLinks({ ...request, pageToken });
      links.push(...page.urls);
      pageToken = page.nextPageToken;
      pages++;
    } while (pageToken !== '' && pages < 100);
    return { links, pages };
  }

  test('pages of any size tell every link once', async () => {
    const made: Link[] = [];
    for (let at = 0; at < 11; at++) made.push(await client.createLink({ longUrl }));
    // The newest first; those of one millisecond by their ids.
    const bornAt = ({ createdAt }: Link): number => (createdAt ? timestampMs(createdAt) : Number.NaN);
    made.sort((a, b) => bornAt(b) - bornAt(a) || (a.id < b.id ? 1 : -1));
    const { links, pages } = await all({ pageSize: 4 });
    expect(pages).toBe(3);
    expect(links.map(({ id }) => id)).toEqual(made.map(({ id }) => id));
    expect((await client.listLinks({})).nextPageToken).toBe('');
    expect((await client.listLinks({ pageSize: 11 })).nextPageToken).toBe('');
  });

  test('a page of long destinations is cut by bytes', async () => {
    const long = `https://example.com/${'x'.repeat(8_100)}`;
    for (let at = 0; at < 130; at++) await client.createLink({ longUrl: long });
    const first = await client.listLinks({ pageSize: 1_000 });
    expect(first.urls.length).toBeLessThan(130);
    expect(first.urls.length).toBeGreaterThan(100);
    expect((await all({ pageSize: 1_000 })).links).toHaveLength(130);
  });

  test('titles and tags are found in every normal form', async () => {
    const [title, tag] = ['Cafe\u0301', 'u\u0308ber'];
    const { code } = await client.createLink({ longUrl });
    const link = await client.updateLink({ code, patch: { title, tags: [tag, tag.normalize('NFC')] } });
    expect(link).toMatchObject({ title: title.normalize('NFC'), tags: [tag.normalize('NFC')] });
    for (const form of ['NFC', 'NFD']) {
      for (const request of [{ search: title.normalize(form) }, { tag: tag.normalize(form) }])
        expect((await client.listLinks(request)).urls.map(({ id }) => id)).toEqual([link.id]);
    }
  });

  test('an empty field of the question is an absent one', async () => {
    await client.createLink({ longUrl, tags: ['a'] });
    await client.createLink({ longUrl, domain: 'go.example' });
    const question = { tag: '', search: '', state: '', orderBy: '', domain: '' };
    expect((await client.listLinks(question)).urls).toHaveLength(2);
    const first = await client.listLinks({ pageSize: 1 });
    expect(await client.listLinks({ ...question, pageSize: 1 })).toEqual(first);
    expect((await client.listLinks({ ...question, pageToken: first.nextPageToken })).urls).toHaveLength(1);
  });

  test('a tag of which nothing is to be seen is refused', async () => {
    const { code } = await client.createLink({ longUrl, tags: ['a b', ' c'] });
    for (const tag of [' ', '\u00a0\u2003', '\u200b', '\ufe0f ']) {
      for (const asked of [
        client.createLink({ longUrl, tags: ['a', tag] }),
        client.updateLink({ code, patch: { tags: [tag] } }),
      ])
        expect(await refusal(asked)).toEqual([Code.InvalidArgument, 'INVALID_ARGUMENT']);
    }
  });

  test('bad questions are refused', async () => {
    await client.createLink({ longUrl });
    await client.createLink({ longUrl });
    const { nextPageToken } = await client.listLinks({ pageSize: 1 });
    const invalid = [
      client.listLinks({ pageSize: -1 }),
      client.listLinks({ state: 'gone' }),
      client.listLinks({ orderBy: 'title' }),
      client.listLinks({ search: 'a\0' }),
    ];
    for (const refused of await Promise.all(invalid.map(refusal)))
      expect(refused).toEqual([Code.InvalidArgument, 'INVALID_ARGUMENT']);
    for (const request of [{ pageToken: 'x' }, { pageToken: nextPageToken, tag: 'other' }]) {
      expect(await refusal(client.listLinks(request))).toEqual([Code.InvalidArgument, 'PAGE_TOKEN_INVALID']);
    }
    for (const userId of ['nobody', randomUUID()]) {
      expect(await refusal(client.listLinks({ userId }))).toEqual([Code.NotFound, 'USER_NOT_FOUND']);
    }
    expect((await client.listLinks({ userId: 'me' })).urls).toHaveLength(2);
    expect((await client.listLinks({ userId: person.userId })).urls).toHaveLength(2);
  });

  test('counts come from analytics, and are absent when it is away', async () => {
    const link = await client.createLink({ longUrl });
    clicks = { [link.id]: 42 };
    expect((await client.listLinks({})).urls[0]?.clickCount).toBe(42);
    expect((await client.getLink({ code: link.code })).clickCount).toBe(42);
    clicks = undefined;
    expect((await client.getLink({ code: link.code })).clickCount).toBeUndefined();
  });
});

test('domains are listed, the default first, with where their short links begin', async () => {
  expect((await client.listDomains({})).domains).toMatchObject([
    { name: 'hop.example', isDefault: true, shortUrlBase: 'https://hop.example/' },
    { name: 'go.example', isDefault: false, shortUrlBase: 'https://go.example/' },
  ]);
});

describe('a limit of visits', () => {
  const take = ({ id, domain, code }: Link) => client.takeClick({ linkId: id, domain, code });

  test('is shown with how many are used, and changed like any other field', async () => {
    const link = await client.createLink({ longUrl, maxClicks: 2 });
    expect(link).toMatchObject({ maxClicks: 2, usedClicks: 0, state: 'active' });
    expect((await take(link)).granted).toBe(true);
    const { code } = link;
    expect(await client.getLink({ code })).toMatchObject({ usedClicks: 1, state: 'active', etag: link.etag });
    await take(link);
    const usedUp = { usedClicks: 2, state: 'used_up', isActive: true };
    expect(await client.getLink({ code })).toMatchObject(usedUp);
    expect((await client.listLinks({ state: 'used_up' })).urls).toMatchObject([{ code, ...usedUp }]);
    expect((await client.listLinks({ state: 'active' })).urls).toEqual([]);
    const refused = await take(link);
    expect(refused).toMatchObject({ granted: false, record: { usedUp: true } });
    const raised = await client.updateLink({ code, patch: { maxClicks: 3 } });
    expect(raised).toMatchObject({ maxClicks: 3, usedClicks: 2, state: 'active' });
    expect(await client.updateLink({ code, patch: { title: 'T' } })).toMatchObject({ maxClicks: 3 });
    const cleared = await client.updateLink({ code, updateMask: { paths: ['max_clicks'] } });
    expect(cleared).toMatchObject({ state: 'active', title: 'T' });
    expect([cleared.maxClicks, cleared.usedClicks]).toEqual([undefined, undefined]);
    expect(await take(link)).toMatchObject({ granted: true, record: { maxClicks: 0 } });
    expect(await client.updateLink({ code, patch: { maxClicks: 2 } })).toMatchObject(usedUp);
  });

  test('is part of what an idempotency key stands for, which without one stays what it was', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const first = await client.createLink({ longUrl, maxClicks: 2 }, { headers });
    await take(first);
    expect(await client.createLink({ longUrl, maxClicks: 2 }, { headers })).toEqual(first);
    for (const other of [{ longUrl }, { longUrl, maxClicks: 3 }])
      expect(await refusal(client.createLink(other, { headers }))).toEqual([
        Code.AlreadyExists,
        'IDEMPOTENCY_KEY_REUSED',
      ]);
  });

  test('the record comes along where the caller has another version, and says where there is no link', async () => {
    const { id: linkId, domain, code } = await client.createLink({ longUrl, maxClicks: 9 });
    const [record] = (await client.lookupLinks({ names: [{ domain, code }] })).records;
    const version = record?.version ?? 0n;
    expect((await client.takeClick({ linkId, domain, code, version })).record).toBeUndefined();
    expect((await client.takeClick({ linkId, domain, code, version: version - 1n })).record).toEqual(record);
    const gone = await client.takeClick({ linkId: randomUUID(), domain, code });
    expect(gone).toMatchObject({ granted: false, record: { id: '', domain, code } });
    expect(await refusal(client.takeClick({ linkId: 'x', domain, code }))).toEqual([
      Code.InvalidArgument,
      'INVALID_ARGUMENT',
    ]);
  });
});

describe('for the mesh', () => {
  test('links are looked up by any spelling of their names', async () => {
    const link = await client.createLink({ longUrl, alias: `\u00e9-${randomUUID()}` });
    const names = [
      { code: link.code.normalize('NFD') },
      { code: 'none' },
      { domain: 'other.example', code: link.code },
    ];
    const { records, unknownDomains } = await client.lookupLinks({ names });
    expect(records.map(({ id }) => id)).toEqual([link.id]);
    expect(unknownDomains).toEqual(['other.example']);
  });

  test('links are looked up by id within their workspace alone', async () => {
    const link = await client.createLink({ longUrl });
    await client.deleteLink({ code: link.code });
    const { records } = await client.lookupLinks({ workspaceId: person.workspaceId, linkIds: [link.id, randomUUID()] });
    expect(records.map(({ id, deletedAt }) => [id, deletedAt !== undefined])).toEqual([[link.id, true]]);
    expect((await client.lookupLinks({ workspaceId: randomUUID(), linkIds: [link.id] })).records).toEqual([]);
    for (const nonsense of [{ linkIds: [link.id] }, { workspaceId: person.workspaceId, linkIds: ['nonsense'] }])
      await expect(client.lookupLinks(nonsense)).rejects.toMatchObject({ code: Code.InvalidArgument });
  });

  test('a workspace is closed by its id, and by nothing else', async () => {
    const { workspaceId } = person;
    expect(await client.closeWorkspace({ workspaceId })).toMatchObject({});
    for (const nonsense of ['', 'nonsense'])
      await expect(client.closeWorkspace({ workspaceId: nonsense })).rejects.toMatchObject({
        code: Code.InvalidArgument,
      });
    expect(closed).toEqual([workspaceId]);
  });

  test('the watch tells a change and how far codes are handed out', async () => {
    const leaving = new AbortController();
    const told: string[] = [];
    let made: string | undefined;
    try {
      for await (const { event } of client.watch({}, { signal: leaving.signal })) {
        told.push(event.case ?? '');
        if (event.case === 'heartbeat' && made === undefined) {
          expect(event.value.codeSpaces[0]?.keyId).toBe(1);
          made = (await client.createLink({ longUrl })).code;
        }
        if (event.case === 'change' && event.value.record?.code === made) leaving.abort();
      }
    } catch (error) {
      expect(ConnectError.from(error).code).toBe(Code.Canceled);
    }
    expect(told).toContain('heartbeat');
    expect(told.at(-1)).toBe('change');
  });

  test('aliases that look generated are listed', async () => {
    const alias = `L${randomBytes(3).toString('hex')}`;
    await client.createLink({ longUrl, alias });
    const codes: string[] = [];
    for await (const chunk of client.listLookalikes({})) codes.push(...chunk.codes);
    expect(codes).toContain(alias);
  });
});
