import { randomUUID } from 'node:crypto';
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, test } from 'vitest';
import { BadRequestSchema, ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { testPerson } from '#runtime/testing/keys.ts';
import { refusal, useTestHandlers } from './testing/test-handlers.ts';

const { client, given, query } = useTestHandlers();
const longUrl = 'https://example.com/a';

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
    await client.updateLink({ code, patch: { title: 'W' } }, asked(`W/${said}`));
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
    await query('insert into takedowns (subject, reason) values ($1, $2)', ['host:down.example', 'a test']);
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
    await query('truncate takedowns');
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
    await query("update links set deleted_at = deleted_at - interval '29 days 23 hours' where code = $1", [code]);
    expect((await client.undeleteLink({ code })).state).toBe('active');
    await client.deleteLink({ code });
    await query("update links set deleted_at = deleted_at - interval '30 days 1 minute' where code = $1", [code]);
    expect(await refusal(client.undeleteLink({ code }))).toEqual([Code.NotFound, 'UNDELETE_EXPIRED']);
  });

  test('a stranger finds nothing', async () => {
    const { code } = await client.createLink({ longUrl });
    given.person = testPerson();
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
