import { randomBytes, randomUUID } from 'node:crypto';
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, test } from 'vitest';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { refusal, useTestHandlers } from './testing/test-handlers.ts';

const { client, closedWorkspaces, given } = useTestHandlers();
const longUrl = 'https://example.com/a';

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
    const { records } = await client.lookupLinks({
      workspaceId: given.person.workspaceId,
      linkIds: [link.id, randomUUID()],
    });
    expect(records.map(({ id, deletedAt }) => [id, deletedAt !== undefined])).toEqual([[link.id, true]]);
    expect((await client.lookupLinks({ workspaceId: randomUUID(), linkIds: [link.id] })).records).toEqual([]);
    for (const nonsense of [{ linkIds: [link.id] }, { workspaceId: given.person.workspaceId, linkIds: ['nonsense'] }])
      await expect(client.lookupLinks(nonsense)).rejects.toMatchObject({ code: Code.InvalidArgument });
  });

  test('a workspace is closed by its id, and by nothing else', async () => {
    const { workspaceId } = given.person;
    expect(await client.closeWorkspace({ workspaceId })).toMatchObject({});
    for (const nonsense of ['', 'nonsense'])
      await expect(client.closeWorkspace({ workspaceId: nonsense })).rejects.toMatchObject({
        code: Code.InvalidArgument,
      });
    expect(closedWorkspaces).toEqual([workspaceId]);
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
