// What one process leaves for another, or for the next version of itself, as the version now in use writes it. While a mesh is
// upgraded both versions live side by side: the newer one has to read these bytes, and what it writes is read by the older one.
// So they stay as they are; a format that grows gets another entry beside the old one (CONTRIBUTING.md).
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { createHandlerContext } from '@connectrpc/connect';
import { describe, expect, test } from 'vitest';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { CreateLinkRequestSchema, ListLinksRequestSchema } from '#gen/link/v1/link_service_pb.ts';
import { isApiKeySecret } from '#runtime/caller/api-key-secret.ts';
import { mintCaller, type PersonCaller, verifyCaller } from '#runtime/caller/token.ts';
import { rowTokens } from '#runtime/rpc/page-token.ts';
import { cacheKey, decodeEntry, encodeEntry } from '#runtime/shortlink/cache-entry.ts';
import { readClickTag, writeClickTag } from '#runtime/shortlink/click-tag.ts';
import { loadCodeKeys } from '#runtime/shortlink/code-keys.ts';
import { createDomains } from '#runtime/shortlink/link-key.ts';
import { temporaryDirectory } from '#runtime/testing/temporary-directory.ts';
import type { Click } from '../../gateway/edge/clicks/click.ts';
import { packClicks } from '../../gateway/edge/clicks/packing/batch.ts';
import { ClickRows } from '../../gateway/edge/clicks/packing/click-rows.ts';
import { parseLine } from '../../gateway/edge/clicks/parse.ts';
import { openCursor } from '../../gateway/edge/clicks/spool/cursor.ts';
import { readHotLinks, writeHotLinks } from '../../gateway/edge/hot/choosing/hot-links-file.ts';
import { readBatch } from '../../services/analytics/ingest/click-batch.ts';
import { dimensionOf, numberOf } from '../../services/analytics/statistics/dimensions.ts';
import { clickTokens } from '../../services/analytics/statistics/page-token.ts';
import { createHashingQueue } from '../../services/identity/accounts/hashing-queue.ts';
import { createPasswords } from '../../services/identity/accounts/passwords.ts';
import { decodeCursor, encodeCursor } from '../../services/identity/revocations.ts';
import { createSessionCookie } from '../../services/identity/sessions/session-cookie.ts';
import { readCursor, writeCursor } from '../../services/link/changes/change-cursor.ts';
import { etagOf } from '../../services/link/links/etag.ts';
import { idempotencyOf } from '../../services/link/links/idempotency.ts';
import { checkCreate, checkList } from '../../services/link/requests.ts';
import { golden } from './golden.ts';

const at = 1_800_000_000_000;
const linkId = '0192f0c1-1111-7333-8444-555566667777';
const workspaceId = '0192f0c1-2222-7333-8444-555566667777';
const userId = '0192f0c1-3333-7333-8444-555566667777';
const requestId = '11112222-3333-4444-8555-666677778888';
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331';

const directory = temporaryDirectory();
const file = join(directory, 'file.json');
const refuse = (error: unknown): never => {
  throw error;
};
/** What `read` makes of a file with this content. */
async function throughFile<Value>(content: string, read: () => Promise<Value>): Promise<Value> {
  writeFileSync(file, content);
  return read();
}
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const bytes = (text: string): Buffer => Buffer.from(text, 'base64');

const record = create(LinkRecordSchema, {
  ...{ id: linkId, domain: 'hop.example', code: 'größe', version: 7n, workspaceId, createdBy: userId },
  ...{ number: 3_521_614_606_207n, codeKeyId: 1, destination: 'https://example.org/a?b=c', redirectStatus: 308 },
  ...{ title: 'Größe', tags: ['a', 'b'], disabled: true, createdAt: timestampFromMs(at) },
  ...{ updatedAt: timestampFromMs(at + 1), expiresAt: timestampFromMs(at + 2), deletedAt: timestampFromMs(at + 3) },
});

const click: Click = {
  ...{ atUs: at * 1_000, requestId: requestId.replaceAll('-', ''), status: 302, flags: 8, visitor: 1n << 63n },
  link: { linkId, workspaceId, linkVersion: 7n, tier: 2, domain: 'hop.example', code: 'größe' },
  ...{ referrerHost: 'example.org', place: { country: 'DE', region: 'Berlin', city: 'Berlin' } },
  agent: { bot: false, device: 'mobile', browser: 'Firefox', operatingSystem: 'Android' },
  ...{ language: 'de', traceparent },
};

const tag = { linkId, workspaceId, version: 7n, tier: 'l1', domain: 'hop.example', code: 'größe' };
const cursor = { system: '7301234567890123456', timeline: '00000001', snapshot: '100:105:101,103', readAtMs: at };

const cookie = createSessionCookie({ publicUrl: 'https://hop.example', lifetimeSeconds: 2_592_000 });
const refreshing = (requestHeader: Record<string, string> = {}) =>
  createHandlerContext({
    ...{ service: IdentityService, method: IdentityService.method.refreshSession, protocolName: 'grpc' },
    ...{ requestMethod: 'POST', url: 'http://hop.example/', requestHeader },
  });

const caller: PersonCaller = {
  ...{ kind: 'api_key', userId, workspaceId, role: 'member', scopes: ['links:read', 'links:write'] },
  ...{ credentialId: linkId, credentialEndsAtMs: at + 60_000 },
};
const call = { method: 'hop.link.v1.LinkService/CreateLink', requestId };

/** The one click of a batch with its texts in place of their numbers: the order of the dictionary is the writer's own. */
function spelled({ dictionary, ...columns }: ReturnType<typeof readBatch>) {
  const { linkId, workspaceId, domain, code, referrerHost, country, region, city } = columns;
  const { device, browser, operatingSystem, language, ...values } = columns;
  const texts = { linkId, workspaceId, domain, code, referrerHost, country, region, city };
  const entries = Object.entries({ ...texts, device, browser, operatingSystem, language });
  return { ...values, ...Object.fromEntries(entries.map(([name, [index = -1]]) => [name, dictionary[index]])) };
}

describe('link', () => {
  test('an entry of the cache: written by link and resolvers, read by resolvers; the record in it is also in the change log', () => {
    expect(decodeEntry(bytes(golden.cacheEntry))).toEqual(record);
    expect(base64(encodeEntry(record))).toBe(golden.cacheEntry);
    expect(cacheKey(record)).toBe(golden.cacheKey);
    const limited = create(LinkRecordSchema, { ...record, maxClicks: 50, usedUp: true });
    expect(decodeEntry(bytes(golden.cacheEntryWithLimit))).toEqual(limited);
    expect(base64(encodeEntry(limited))).toBe(golden.cacheEntryWithLimit);
  });

  test('a cursor of the watch: held by resolvers, edges and the relay while link is replaced', () => {
    expect(readCursor(golden.watchCursor)).toEqual(cursor);
    expect(writeCursor(cursor)).toBe(golden.watchCursor);
  });

  test('the keys of the code space: codes that people have on paper stay those of their numbers', () => {
    writeFileSync(file, golden.codeKeys);
    const [first, second] = loadCodeKeys(file);
    expect([first?.codeOf(0), first?.codeOf(1_999_999), second?.codeOf(2_000_000)]).toEqual(golden.codes);
    expect(golden.codes.map((code, index) => (index < 2 ? first : second)?.numberOf(code))).toEqual([
      0, 1_999_999, 2_000_000,
    ]);
    expect([first?.fingerprint, second?.fingerprint]).toEqual(golden.codeKeyFingerprints);
  });

  const rules = {
    domains: createDomains({ domains: ['hop.example'] }),
    destinations: { isOwnHost: () => false, allowPrivate: false },
  };

  test('what a caller holds of a link and of a list, and shows to whichever process answers next', () => {
    expect(etagOf(record)).toBe(golden.etag);
    const { question } = checkList(create(ListLinksRequestSchema, { tag: 'a' }), caller, rules.domains);
    const place = { at: new Date(at), id: linkId };
    expect(rowTokens.read(question, golden.pageToken)).toEqual(place);
    expect(rowTokens.read(question, golden.pageTokenOfTheListAlone)).toEqual(place);
    expect(rowTokens.write(question, place)).toBe(golden.pageToken);
    for (const token of [golden.pageToken, golden.pageTokenOfTheListAlone])
      expect(() => rowTokens.read([...question, 'more'], token)).toThrow('was not made by this list');
  });

  test('which request an idempotency key belongs to: kept for a day', () => {
    const request = create(CreateLinkRequestSchema, {
      ...{ longUrl: 'https://example.org/a?b=c', alias: 'größe', title: 'Größe', tags: ['a', 'b'] },
      ...{ redirectStatus: 308, ttl: 60 },
    });
    const idempotency = idempotencyOf('key', checkCreate(request, caller, rules).asked);
    expect(base64(idempotency?.requestHash ?? Buffer.alloc(0))).toBe(golden.requestHash);
  });
});

describe('clicks', () => {
  const line = {
    ...{ atUs: at * 1_000, requestId: requestId.replaceAll('-', ''), method: 'GET', status: 302 },
    link: { linkId, workspaceId, linkVersion: 7n, tier: 2, domain: 'hop.example', code: 'größe' },
    ...{ path: '/gr%C3%B6%C3%9Fe?a=b', referrer: 'https://example.org/', userAgent: 'Mozilla/5.0' },
    ...{ acceptLanguage: 'de-DE,de', secPurpose: '', doNotTrack: true, address: '192.0.2.1' },
  };
  test('a line of the spool: written by Envoy, read by whichever gateway-edge is beside it', () => {
    expect(parseLine(golden.spoolLine)).toMatchObject(line);
    expect(parseLine(golden.spoolLineOfSixFields)).toMatchObject(line);
  });

  test('what a resolver or the name of a hot route says of a click', () => {
    expect(readClickTag(golden.clickTag)).toEqual({ ...tag, version: '7', code: 'gr%C3%B6%C3%9Fe' });
    expect(writeClickTag(tag)).toBe(golden.clickTag);
  });

  test('how far a spool is sent', async () => {
    const acknowledged = new Map([
      ['7:a', 20],
      ['8:b', 5],
    ]);
    const opened = await throughFile(golden.spoolCursor, () => openCursor(file, refuse));
    expect(opened.found).toEqual(acknowledged);
    await opened.save(acknowledged);
    expect(readFileSync(file, 'utf8')).toBe(golden.spoolCursor);
  });

  test('the hot links of an edge', async () => {
    const links = new Map([
      ['hop.example/abc', 12.5],
      ['hop.example/größe', 3],
    ]);
    expect(await throughFile(golden.hotLinks, () => readHotLinks(file, refuse))).toEqual(links);
    await writeHotLinks(file, links);
    expect(readFileSync(file, 'utf8')).toBe(golden.hotLinks);
  });

  test('how far a list of clicks is read', () => {
    const [question, place] = [[linkId, false], { atUs: at * 1_000, skip: 2 }];
    expect(clickTokens.read(question, golden.clickPageToken)).toEqual(place);
    expect(clickTokens.read(question, golden.clickPageTokenOfTheListAlone)).toEqual(place);
    expect(clickTokens.write(question, place)).toBe(golden.clickPageToken);
  });

  test('what a breakdown is of: a number beside its counts, kept for good', () => {
    const numbers = [1, 2, 3, 4, 5, 6, 7];
    expect(golden.dimensions.map(numberOf)).toEqual(numbers);
    expect(numbers.map(dimensionOf)).toEqual(golden.dimensions);
  });

  test('a message of the clicks topic: written by gateway-edge, read by analytics, days later too', () => {
    const [message] = packClicks(ClickRows.of([click]), { edgeId: 'edge-1', partitions: 1 });
    const batch = readBatch(bytes(golden.clickBatch));
    expect(spelled(readBatch(message?.value ?? Buffer.alloc(0)))).toEqual(spelled(batch));
    const texts = [linkId, workspaceId, 'hop.example', 'größe', 'example.org', 'DE', 'Berlin', 'mobile'];
    expect(batch).toMatchObject({
      ...{ format: 1, edgeId: 'edge-1', atUs: [BigInt(click.atUs)], linkVersion: [7n], tier: [2], status: [302] },
      ...{ flags: [8], visitor: [click.visitor], dictionary: ['', ...texts, 'Firefox', 'Android', 'de'] },
      ...{ linkId: [1], workspaceId: [2], domain: [3], code: [4], referrerHost: [5], country: [6], region: [7] },
      ...{ city: [7], device: [8], browser: [9], operatingSystem: [10], language: [11] },
    });
    expect(Buffer.from(batch.requestIds).toString('hex')).toBe(click.requestId);
    expect(Buffer.from(batch.traceContexts).toString('hex')).toBe(traceparent.replaceAll('-', '').slice(2));
  });
});

describe('people', () => {
  test('what they hold for years: an API key, and a password that is kept as its hash', async () => {
    expect(isApiKeySecret(golden.apiKey)).toBe(true);
    const passwords = await createPasswords(createHashingQueue({ concurrency: 1, limit: 1 }));
    expect(await passwords.matches(golden.password, golden.passwordHash)).toBe(true);
    expect(await passwords.matches(golden.password.normalize('NFKC'), golden.passwordHash)).toBe(true);
  });

  test('the cookie of a session: in browsers for a month', () => {
    expect(cookie.read(refreshing({ 'x-hop-cookie': golden.cookie }))).toBe(golden.refreshToken);
    const answered = refreshing();
    cookie.write(answered, golden.refreshToken);
    const byRest = golden.setCookie.replace('/hop.identity.v1.IdentityService/RefreshSession', '/api/auth/refresh');
    expect(answered.responseHeader.getSetCookie()).toEqual([golden.setCookie, byRest]);
  });

  test('how far the revocations are read: held by gateway-access while identity is replaced', () => {
    const primary = '7301234567890123456-00000001';
    const position = { primary, since: '100:105:101,103@1800000000.012345', cut: undefined };
    const cut = { ...position, cut: { until: '110:110:@1800000001.0', after: '42' } };
    expect([position, cut].map(encodeCursor)).toEqual([golden.revocationCursor, golden.revocationCursorOfACut]);
    expect(decodeCursor(golden.revocationCursor)).toEqual(position);
    expect(decodeCursor(golden.revocationCursorOfACut)).toEqual(cut);
    expect(decodeCursor(golden.revocationCursorWithoutTime)).toEqual({ ...position, since: '100:105:101,103' });
  });

  test('who is calling: signed by gateway-access, believed by every service', () => {
    const privateKey = createPrivateKey({ key: bytes(golden.callerKey), format: 'der', type: 'pkcs8' });
    const [issuer, keyId] = ['gateway-access', 'gateway-access-1'];
    const keyring = new Map([[keyId, { keyId, issuer, publicKey: createPublicKey(privateKey) }]]);
    expect(verifyCaller(keyring, golden.callerToken, call, at + 1_000)).toEqual(caller);
    expect(mintCaller({ issuer, keyId, privateKey }, caller, call, at)).toBe(golden.callerToken);
  });
});
