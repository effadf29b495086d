import { create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { LinkSchema } from '#gen/link/v1/link_pb.ts';
import { creationOf, draftOf, emptyDraft, patchOf, rebased } from './link-draft.ts';
import { visitsLeft } from './link-uses.ts';

const link = create(LinkSchema, {
  code: 'spring',
  longUrl: 'https://example.com/',
  title: 'Spring',
  tags: ['a', 'b'],
  redirectStatus: 302,
  etag: 'e1',
  expiresAt: timestampFromDate(new Date('2030-05-01T10:30:00Z')),
});

describe('a draft', () => {
  it('that others were quicker than keeps what was changed in it, and has all else as it is now', () => {
    const now = { ...link, title: 'Autumn', tags: ['c'], redirectStatus: 301, etag: 'e2' };
    const mine = { ...draftOf(link), title: 'Summer', redirectStatus: '301', maxClicks: '5' };
    const { draft, contested } = rebased(mine, link, now);
    expect(draft).toEqual({ ...draftOf(now), title: 'Summer', maxClicks: '5' });
    // Both changed the redirect to the same.
    expect(contested).toEqual({ title: 'Autumn' });
    expect(patchOf(draft, now)).toEqual({ patch: { etag: 'e2', title: 'Summer', maxClicks: 5 } });
  });

  it('of a new link leaves out what was left empty, and completes an address', () => {
    expect(creationOf({ ...emptyDraft, longUrl: ' example.com/a ' })).toEqual({
      longUrl: 'https://example.com/a',
      tags: [],
      redirectStatus: 302,
    });
    for (const host of ['example.org:8443', 'localhost:8080'])
      expect(creationOf({ ...emptyDraft, longUrl: `${host}/x` }).longUrl).toBe(`https://${host}/x`);
    expect(creationOf({ ...emptyDraft, longUrl: 'tel:112' }).longUrl).toBe('tel:112');
    expect(creationOf({ ...emptyDraft, longUrl: 'http://a.example' }).longUrl).toBe('http://a.example');
    expect(creationOf({ ...emptyDraft, longUrl: 'ftp://a.example', tags: 'x, ,y,x' })).toMatchObject({
      longUrl: 'ftp://a.example',
      tags: ['x', 'y'],
    });
  });

  it('that was not touched changes nothing', () => {
    expect(patchOf(draftOf(link), link)).toEqual({ patch: { etag: 'e1' } });
  });

  it('says what differs, and names what was cleared', () => {
    const draft = { ...draftOf(link), title: '', tags: '', expiresAt: '', alias: 'summer' };
    expect(patchOf(draft, link)).toEqual({
      patch: { etag: 'e1', alias: 'summer', tags: [] },
      updateMask: { paths: ['expires_at', 'title', 'tags'] },
    });
  });

  it('has a limit of visits as a number, or none', () => {
    expect(creationOf({ ...emptyDraft, longUrl: 'https://a.example', maxClicks: '3' }).maxClicks).toBe(3);
    const limited = create(LinkSchema, { ...link, maxClicks: 3, usedClicks: 1 });
    const draft = draftOf(limited);
    expect(patchOf(draft, limited)).toEqual({ patch: { etag: 'e1' } });
    expect(patchOf({ ...draft, maxClicks: '5' }, limited)).toEqual({ patch: { etag: 'e1', maxClicks: 5 } });
    expect(patchOf({ ...draft, maxClicks: '' }, limited)).toEqual({
      patch: { etag: 'e1' },
      updateMask: { paths: ['max_clicks'] },
    });
    const left = [1, 3, 4].map((usedClicks) => visitsLeft(create(LinkSchema, { maxClicks: 3, usedClicks }))?.full);
    expect([visitsLeft(link), ...left]).toEqual([
      undefined,
      ...['2 of 3 visits left', '0 of 3 visits left', '0 of 3 visits left'],
    ]);
  });

  it('keeps a time to the minute, in the zone of the person', () => {
    const { expiresAt } = creationOf({ ...emptyDraft, expiresAt: draftOf(link).expiresAt });
    expect(expiresAt && timestampDate(expiresAt).toISOString()).toBe('2030-05-01T10:30:00.000Z');
  });
});
