import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, brotliDecompressSync, gzipSync } from 'node:zlib';
import { create } from '@bufbuild/protobuf';
import { createHandlerContext } from '@connectrpc/connect';
import { beforeAll, describe, expect, it } from 'vitest';
import { GetPageRequestSchema, PagesService } from '#gen/pages/v1/pages_service_pb.ts';
import { temporaryDirectory } from '#runtime/testing/temporary-directory.ts';
import { loadDashboard } from './dashboard.ts';
import { createSite } from './files.ts';
import { createPages } from './handlers.ts';

const script = 'console.log("a dashboard");'.repeat(20);
const index = '<!doctype html><script type="module" src="/app/assets/main-x.js"></script>';
let pages: ReturnType<typeof createPages>;

beforeAll(() => {
  const dir = temporaryDirectory();
  mkdirSync(path.join(dir, 'assets'));
  writeFileSync(path.join(dir, 'index.html'), index);
  writeFileSync(path.join(dir, 'assets/main-x.js'), script);
  writeFileSync(path.join(dir, 'assets/main-x.js.br'), brotliCompressSync(script));
  writeFileSync(path.join(dir, 'assets/main-x.js.gz'), gzipSync(script));
  writeFileSync(path.join(dir, 'assets/plain.css'), 'a{}');
  const site = createSite({ publicUrl: 'https://hop.test', dashboard: loadDashboard(dir) });
  pages = createPages({ site, readiness: async () => ({ status: 'ready', degraded: [] }) });
});

async function get(asked: string, headers: Record<string, string> = {}) {
  const context = createHandlerContext({
    service: PagesService,
    method: PagesService.method.getPage,
    requestHeader: { 'x-envoy-original-path': asked, ...headers },
    protocolName: 'grpc',
    requestMethod: 'POST',
    url: 'http://pages.test/',
  });
  const { contentType, data } = await pages.getPage(create(GetPageRequestSchema), context);
  const header = context.responseHeader;
  return { header, status: header.get('x-status'), type: contentType, data: Buffer.from(data ?? []) };
}

describe('the dashboard', () => {
  it('is its index at every path that only the program knows, looked for anew each time', async () => {
    for (const asked of ['/app', '/app/', '/app/links/spring?tab=clicks', '/app/a/b.c', '/app/assets']) {
      const { status, type, data, header } = await get(asked);
      expect([asked, status, type, data.toString()]).toEqual([asked, '200', 'text/html; charset=utf-8', index]);
      expect(header.get('cache-control')).toBe('no-cache');
    }
    const etag = (await get('/app/')).header.get('etag') ?? '';
    expect((await get('/app/links', { 'if-none-match': etag })).status).toBe('304');
  });

  it('has assets that never change, as the build compressed them', async () => {
    const { status, type, data, header } = await get('/app/assets/main-x.js', { 'x-hop-accept-encoding': 'gzip, br' });
    expect([status, type]).toEqual(['200', 'text/javascript; charset=utf-8']);
    expect(header.get('content-encoding')).toBe('br');
    expect(brotliDecompressSync(data).toString()).toBe(script);
    expect(header.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(header.get('x-content-type-options')).toBe('nosniff');
    expect((await get('/app/assets/plain.css', { 'x-hop-accept-encoding': 'br' })).data.toString()).toBe('a{}');
    const head = await get('/app/assets/main-x.js', { 'x-hop-method': 'HEAD' });
    expect([head.status, head.data.length]).toEqual(['200', 0]);
  });

  it('has no asset that the build did not make, and nothing outside of it', async () => {
    for (const asked of [
      '/app/assets/old-y.js',
      '/app/assets/',
      '/app/assets/main-x.js.br',
      '/application',
      '/apps/x',
    ]) {
      const { status, header } = await get(asked);
      expect([asked, status, header.get('cache-control')]).toEqual([asked, '404', 'no-store']);
    }
  });

  it('runs its own files alone, and nothing inline', async () => {
    const policy = (await get('/app/')).header.get('content-security-policy') ?? '';
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; /);
    expect(policy).toContain("connect-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|data:|\*/);
  });

  it('is not there where there is none, and a folder without one is a fault', async () => {
    expect(createSite({ publicUrl: 'https://hop.test' }).find('/app/')).toBeUndefined();
    expect(() => loadDashboard(temporaryDirectory())).toThrow('index.html');
  });
});
