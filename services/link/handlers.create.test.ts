import { randomUUID } from 'node:crypto';
import { type Timestamp, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { startMetrics } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { refusal, useTestHandlers } from './testing/test-handlers.ts';

const { client, given, key, query } = useTestHandlers();
const longUrl = 'https://example.com/a';

afterEach(() => vi.useRealTimers());

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

  test('is said where it can be asked for, in its domain', async () => {
    let place: string | null = null;
    const onHeader = (header: Headers) => (place = header.get('location'));
    const alias = `caf\u00e9-${randomUUID().slice(0, 8)}`;
    const path = `/api/v1/urls/${encodeURIComponent(alias)}`;
    await client.createLink({ longUrl, alias }, { onHeader });
    expect(place).toBe(path);
    await client.createLink({ longUrl, alias, domain: 'go.example' }, { onHeader });
    expect(place).toBe(`${path}?domain=go.example`);
  });

  test('without a destination is refused by both of its names', async () => {
    const said = client.createLink({}).catch((error: unknown) => ConnectError.from(error).rawMessage);
    expect(await said).toBe('long_url: must be given, as long_url or as original_url');
  });

  test('a ttl counts from when the link was made, and from the edit that gives another one', async () => {
    const made = await client.createLink({ longUrl, ttl: 60 });
    const lasts = (from?: Timestamp, to?: Timestamp) => from && to && timestampMs(to) - timestampMs(from);
    expect(lasts(made.createdAt, made.expiresAt)).toBe(60_000);
    const edited = await client.updateLink({ code: made.code, patch: { ttl: 90 } });
    expect(lasts(edited.updatedAt, edited.expiresAt)).toBe(90_000);
    expect(await client.getLink({ code: made.code })).toEqual(edited);
  });

  test('the end may be any time up to the last one of the year 9999', async () => {
    const seconds = 253_402_300_799n;
    const link = await client.createLink({ longUrl, expiresAt: { seconds, nanos: 999_999_999 } });
    expect(link.expiresAt).toMatchObject({ seconds, nanos: 999_000_000 });
    expect(await client.getLink({ code: link.code })).toEqual(link);
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

  test('what became of it is counted', async () => {
    const metrics = await startMetrics({ instance: 'link', metricsAddress: { host: '127.0.0.1', port: 0 } });
    const alias = `counted-${randomUUID().slice(0, 8)}`;
    await client.createLink({ longUrl, alias });
    await refusal(client.createLink({ longUrl, alias }));
    given.shedding = true;
    await refusal(client.createLink({ longUrl }));
    const figures = (await metrics.read()).all(metric.linkCreates);
    const counted = Object.fromEntries(figures.map(({ attributes, value }) => [attributes.outcome, value]));
    expect(counted).toMatchObject({ created: 1, taken: 1, shed: 1 });
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
    ['a tag that nobody sees', 'INVALID_ARGUMENT', { longUrl, tags: ['\u200b'] }],
  ])('%s is refused: %s', async (_what, reason, request) => {
    expect(await refusal(client.createLink(request))).toEqual([Code.InvalidArgument, reason]);
  });

  test('what the operator has taken down is refused by its name: a host, a link, a workspace', async () => {
    const link = await client.createLink({ longUrl });
    const evil = 'https://login.evil.example/';
    const [edit, toEvil] = [{ title: 'T' }, { longUrl: evil }].map((patch) => ({ code: link.code, patch }));
    const takenDown = (subject: string) => query('insert into takedowns (subject) values ($1)', [subject]);
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
    await takenDown(`workspace:${given.person.workspaceId}`);
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
    given.shedding = true;
    for (const options of [{}, { headers }])
      expect(await refusal(client.createLink({ longUrl }, options))).toEqual([Code.Unavailable, 'OVERLOADED']);
  });
});
