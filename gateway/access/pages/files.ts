import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { descriptorSetPath } from '#runtime/contract/contract.ts';
import type { Encoding } from '#runtime/http/negotiation.ts';
import { escapeHtml, pageMark, pagePolicy, pageStyle, pageType, policyFor } from '#runtime/http/page.ts';
import { docsPage } from './docs-page.ts';
import { buildOpenApi } from './openapi/document.ts';

/** One file of the installation, compressed once, at the start. */
export interface SiteFile {
  readonly contentType: string;
  readonly cacheControl: string;
  /** The Content-Security-Policy of a page; absent for what is no page. */
  readonly policy?: string;
  variant(encoding: Encoding): Variant;
}

interface Variant {
  readonly encoding: Encoding;
  readonly body: Uint8Array;
  /** A strong tag: each encoding has its own. */
  readonly etag: string;
}

export interface Site {
  /** The file at a path, for example "/robots.txt". */
  find(path: string): SiteFile | undefined;
  readonly notFound: SiteFile;
}

/** What the places in a page are filled with, by name. */
type Fill = Readonly<Record<string, string>>;

/** Below this many bytes a compressed body saves less than its header costs. */
const worthCompressing = 256;
const pageCache = 'public, max-age=300';

/** Reads content/ and the contract, and prepares every answer. publicUrl is shown in the examples. */
export function createSite({ publicUrl }: { publicUrl: string }): Site {
  const home = new URL('/', publicUrl);
  const fill = {
    style: pageStyle,
    url: escapeHtml(publicUrl.replace(/\/+$/, '')),
    mark: `<a class="mark" href="/">${pageMark}${escapeHtml(home.hostname)}</a>`,
  };
  const page = (name: string, cacheControl: string): SiteFile =>
    siteFile(Buffer.from(filled(content(name).toString('utf8'), fill)), pageType, cacheControl, pagePolicy);
  const api = buildOpenApi({ descriptorSet: readFileSync(descriptorSetPath), publicUrl });
  const files = new Map<string, SiteFile>([
    ['/', page('home.html', pageCache)],
    ['/robots.txt', siteFile(content('robots.txt'), 'text/plain; charset=utf-8', 'public, max-age=3600')],
    ['/api/openapi.json', siteFile(Buffer.from(JSON.stringify(api)), 'application/json', pageCache)],
    ['/api/docs', docsFile(docsPage(api), fill)],
    ['/favicon.ico', siteFile(content('favicon.ico'), 'image/x-icon', 'public, max-age=86400')],
  ]);
  // An unknown path may become a link at any moment.
  return { find: (path) => files.get(path), notFound: page('not-found.html', 'no-store') };
}

function docsFile(parts: Fill, fill: Fill): SiteFile {
  const docsStyle = content('docs.css').toString('utf8').trim();
  const html = filled(content('docs.html').toString('utf8'), { ...fill, ...parts, docsStyle });
  return siteFile(Buffer.from(html), pageType, pageCache, policyFor(pageStyle, docsStyle));
}

function siteFile(body: Buffer, contentType: string, cacheControl: string, policy?: string): SiteFile {
  const plain = variantOf(body, 'identity');
  const variants = new Map<Encoding, Variant>([['identity', plain]]);
  if (body.length >= worthCompressing) {
    for (const [encoding, compressed] of [
      ['br', brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } })],
      ['gzip', gzipSync(body, { level: 9 })],
    ] as const) {
      if (compressed.length < body.length) variants.set(encoding, variantOf(compressed, encoding));
    }
  }
  const file = { contentType, cacheControl, variant: (encoding: Encoding) => variants.get(encoding) ?? plain };
  return policy === undefined ? file : { ...file, policy };
}

function variantOf(body: Buffer, encoding: Encoding): Variant {
  const digest = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  return { encoding, body, etag: `"${digest}"` };
}

/** Placeholders are such that a page is valid HTML before it is filled, so that the linter can read it. */
const placeholder = /\/\*(\w+)\*\/|<!--(\w+)-->|\{\{(\w+)\}\}/g;

function filled(template: string, values: Fill): string {
  return template.replace(placeholder, (_, inStyle?: string, inBody?: string, inText?: string) => {
    const name = inStyle ?? inBody ?? inText ?? '';
    const value = values[name];
    if (value === undefined) throw new Error(`A page has a place for "${name}", which has no value.`);
    return value;
  });
}

function content(name: string): Buffer {
  return readFileSync(new URL(`./content/${name}`, import.meta.url));
}
