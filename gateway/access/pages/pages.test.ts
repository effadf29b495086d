import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { create, type DescMethod } from '@bufbuild/protobuf';
import { createHandlerContext } from '@connectrpc/connect';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GetPageRequestSchema, GetReadinessRequestSchema, PagesService } from '#gen/pages/v1/pages_service_pb.ts';
import { createSite } from './files.ts';
import { createPages } from './handlers.ts';
import type { OpenApi } from './openapi/openapi.ts';
import { createReadiness, type Part, type Report } from './readiness.ts';

const well: Report = { isServing: true, brokenDependencies: [] };

const site = createSite({ publicUrl: 'https://hop.test/' });

function pagesWith(parts: readonly Part[] = []) {
  return createPages({
    site,
    readiness: createReadiness({ find: async () => parts }),
  });
}

function contextOf(method: DescMethod, requestHeader: Record<string, string>) {
  return createHandlerContext({
    service: PagesService,
    method,
    requestHeader,
    protocolName: 'grpc',
    requestMethod: 'POST',
    url: 'http://pages.test/',
  });
}

async function get(path: string, headers: Record<string, string> = {}, boundPath = 'bound') {
  const context = contextOf(PagesService.method.getPage, { 'x-envoy-original-path': path, ...headers });
  const body = await pagesWith().getPage(create(GetPageRequestSchema, { path: boundPath }), context);
  const header = context.responseHeader;
  return { header, status: header.get('x-status'), type: body.contentType, data: Buffer.from(body.data ?? []) };
}

describe('a page', () => {
  it('is found by its original path, with or without a query, and by nothing else', async () => {
    expect((await get('/')).data.toString()).toContain('https://hop.test/api/v1/urls');
    expect((await get('/?path=robots.txt')).type).toBe('text/html; charset=utf-8');
    expect((await get('/robots.txt', {}, '')).data.toString()).toContain('Disallow: /api/');
    expect((await get('/nothing', {}, 'robots.txt')).status).toBe('404');
  });

  it('runs no scripts, is framed by nobody and says so', async () => {
    const { header, data } = await get('/');
    expect(header.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; /);
    expect(header.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(header.get('x-content-type-options')).toBe('nosniff');
    expect(data.toString()).not.toMatch(/<script|style=|https?:\/\/(?!hop\.test|www\.w3\.org|example\.com)/);
    expect(data.toString()).not.toMatch(/\{\{|\/\*style|<!--/);
  });

  it('describes the API, for programs and for people', async () => {
    const json = await get('/api/openapi.json');
    expect([json.status, json.type]).toEqual(['200', 'application/json']);
    const api = JSON.parse(json.data.toString()) as OpenApi;
    expect(api.servers).toEqual([{ url: 'https://hop.test' }]);
    const { header, data } = await get('/api/docs');
    const html = data.toString();
    for (const [path, item] of Object.entries(api.paths)) {
      expect(html).toContain(`<code>${path}</code>`);
      for (const operation of Object.values(item))
        if (!operation['x-alias-of']) expect(html).toContain(`<article id="${operation.operationId}">`);
    }
    expect(header.get('content-security-policy')).toMatch(/style-src 'sha256-[^']+' 'sha256-[^']+';/);
    expect(html).not.toMatch(/<script|style=|\{\{|\/\*style|undefined|\[object/);
    const anchors = [...html.matchAll(/href="#([^"]+)"/g)].map(([, anchor]) => anchor);
    expect(anchors.filter((anchor) => !html.includes(`id="${anchor}"`))).toEqual([]);
  });

  it('comes in the encoding that the client likes best, each with its own tag', async () => {
    const plain = await get('/');
    const br = await get('/', { 'x-hop-accept-encoding': 'gzip, deflate, br, zstd' });
    const gzip = await get('/', { 'x-hop-accept-encoding': 'gzip' });
    expect(br.header.get('content-encoding')).toBe('br');
    expect(gzip.header.get('content-encoding')).toBe('gzip');
    expect(brotliDecompressSync(br.data)).toEqual(plain.data);
    expect(gunzipSync(gzip.data)).toEqual(plain.data);
    expect(new Set([plain, br, gzip].map(({ header }) => header.get('etag'))).size).toBe(3);
    expect((await get('/', { 'x-hop-accept-encoding': 'br;q=0, gzip;q=0.1' })).header.get('content-encoding')).toBe(
      'gzip',
    );
    expect((await get('/', { 'x-hop-accept-encoding': 'identity' })).header.get('content-encoding')).toBeNull();
    expect(br.header.get('vary')).toBe('accept-encoding');
  });

  it('is 304 and empty for a client that has it', async () => {
    const etag = (await get('/')).header.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    for (const ifNoneMatch of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const answer = await get('/', { 'if-none-match': ifNoneMatch });
      expect(answer.status).toBe('304');
      expect(answer.data).toHaveLength(0);
      expect(answer.header.get('etag')).toBe(etag);
      expect(answer.header.get('cache-control')).toBe('public, max-age=300');
    }
    expect((await get('/', { 'if-none-match': '"x"' })).status).toBe('200');
    expect((await get('/', { 'if-none-match': etag, 'x-hop-accept-encoding': 'br' })).status).toBe('200');
  });

  it('has no body on HEAD, and the headers of GET', async () => {
    for (const [path, accept] of [
      ['/', '*/*'],
      ['/favicon.ico', '*/*'],
      ['/nothing', 'text/html'],
      ['/nothing', 'application/json'],
    ] as const) {
      const get_ = await get(path, { accept });
      const head = await get(path, { accept, 'x-hop-method': 'HEAD' });
      expect(head.data).toHaveLength(0);
      expect(get_.data.length).toBeGreaterThan(0);
      expect(head.type).toBe(get_.type);
      expect([...head.header]).toEqual([...get_.header]);
    }
  });

  it('is missing as a page or as an error body, by what is asked for', async () => {
    const page = await get('/no/such?<script>', { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' });
    expect(page).toMatchObject({ status: '404', type: 'text/html; charset=utf-8' });
    expect(page.data.toString()).not.toContain('<script');
    for (const [path, accept] of [
      ['/no/such', 'application/json'],
      ['/api/v1/no-such', '*/*'],
    ] as const) {
      const error = await get(path, { accept });
      expect(error).toMatchObject({ status: '404', type: 'application/json' });
      expect(error.header.get('vary')).toBe('accept, Accept-Encoding');
      expect(JSON.parse(error.data.toString())).toMatchObject({
        code: 5,
        details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'NOT_FOUND', domain: 'hopline' }],
      });
    }
  });

  it('is an icon at /favicon.ico', async () => {
    const icon = await get('/favicon.ico');
    expect(icon.type).toBe('image/x-icon');
    expect(icon.data.subarray(0, 4)).toEqual(Buffer.from([0, 0, 1, 0]));
  });
});

describe('readiness', () => {
  afterEach(() => void vi.useRealTimers());

  const part = (name: string, ask: () => Promise<Report>, isResolver = false): Part => ({ name, ask, isResolver });
  const down = () => Promise.reject(new Error('connection refused'));
  const parts = (first: () => Promise<Report>, second: () => Promise<Report>) => [
    part('resolver-1', first, true),
    part('resolver-2', second, true),
    part('link', async () => ({ isServing: true, brokenDependencies: ['postgres'] })),
    part('identity', down),
  ];

  async function readiness(all: readonly Part[]) {
    const context = contextOf(PagesService.method.getReadiness, {});
    const body = await pagesWith(all).getReadiness(create(GetReadinessRequestSchema), context);
    return { header: context.responseHeader, answer: JSON.parse(Buffer.from(body.data ?? []).toString()) as unknown };
  }

  it('is 200 while one resolver serves, with the names of what does not', async () => {
    const { header, answer } = await readiness(parts(down, async () => well));
    expect(header.get('x-status')).toBe('200');
    expect(answer).toEqual({ status: 'degraded', degraded: ['resolver-1', 'link/postgres', 'identity'] });
    expect((await readiness([part('resolver-1', async () => well, true)])).answer).toEqual({
      status: 'ready',
      degraded: [],
    });
  });

  it('is 503 with a time to retry when no resolver serves', async () => {
    const { header, answer } = await readiness(parts(down, async () => ({ ...well, isServing: false })));
    expect(header.get('x-status')).toBe('503');
    expect(header.get('retry-after')).toBe('1');
    expect(answer).toMatchObject({
      code: 14,
      details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'DEPENDENCY_UNAVAILABLE' }, {}],
      status: 'unavailable',
      degraded: ['resolver-1', 'resolver-2', 'link/postgres', 'identity'],
    });
  });

  it('asks each part once for callers that come together, or within 1.2 s, and again later', async () => {
    let asked = 0;
    let time = 0;
    const read = createReadiness({
      find: async () => [part('resolver-1', async () => ({ ...well, asked: asked++ }), true)],
      now: () => time,
    });
    await Promise.all(Array.from({ length: 50 }, read));
    time = 1_199;
    await read();
    expect(asked).toBe(1);
    time = 1_201;
    await read();
    expect(asked).toBe(2);
  });

  it('is not kept for longer because the clock was set back', async () => {
    vi.useFakeTimers();
    const report = { ...well };
    const read = createReadiness({ find: async () => [part('resolver-1', async () => ({ ...report }), true)] });
    expect(await read()).toMatchObject({ status: 'ready' });
    report.isServing = false;
    vi.setSystemTime(Date.now() - 3_600_000);
    vi.advanceTimersByTime(1_201);
    expect(await read()).toMatchObject({ status: 'unavailable' });
  });
});
