import { readFileSync } from 'node:fs';
import { descriptorSetPath } from '#runtime/contract/contract.ts';
import { escapeHtml, pageMark, pagePolicy, pageStyle, pageType, policyFor } from '#runtime/http/page.ts';
import type { Dashboard } from './dashboard.ts';
import { docsPage } from './docs-page.ts';
import { buildOpenApi } from './openapi/document.ts';
import { compressed, type SiteFile, siteFile } from './site-file.ts';

export interface Site {
  /** The file at a path, for example "/robots.txt". */
  find(path: string): SiteFile | undefined;
  readonly notFound: SiteFile;
}

/** The values for the placeholders of a page, by name. */
type Fill = Readonly<Record<string, string>>;

const pageCache = 'public, max-age=300';

/** Reads content/ and the contract, and prepares every response. publicUrl is shown in the examples. Without a dashboard there is no /app/. */
export function createSite({ publicUrl, dashboard }: { publicUrl: string; dashboard?: Dashboard | undefined }): Site {
  const home = new URL('/', publicUrl);
  const fill = {
    style: pageStyle,
    url: escapeHtml(publicUrl.replace(/\/+$/, '')),
    mark: `<a class="mark" href="/">${pageMark}${escapeHtml(home.hostname)}</a>`,
  };
  const page = (name: string, cacheControl: string): SiteFile =>
    siteFile(compressed(Buffer.from(filled(content(name).toString('utf8'), fill))), pageType, cacheControl, pagePolicy);
  const api = buildOpenApi({ descriptorSet: readFileSync(descriptorSetPath), publicUrl });
  const files = new Map<string, SiteFile>([
    ['/', page('home.html', pageCache)],
    ['/robots.txt', siteFile(compressed(content('robots.txt')), 'text/plain; charset=utf-8', 'public, max-age=3600')],
    ['/api/openapi.json', siteFile(compressed(Buffer.from(JSON.stringify(api))), 'application/json', pageCache)],
    ['/api/docs', docsFile(docsPage(api), fill)],
    ['/favicon.ico', siteFile(compressed(content('favicon.ico')), 'image/x-icon', 'public, max-age=86400')],
  ]);
  // An unknown path may become a link at any moment.
  return { find: (path) => files.get(path) ?? dashboard?.find(path), notFound: page('not-found.html', 'no-store') };
}

function docsFile(parts: Fill, fill: Fill): SiteFile {
  const docsStyle = content('docs.css').toString('utf8').trim();
  const html = filled(content('docs.html').toString('utf8'), { ...fill, ...parts, docsStyle });
  return siteFile(compressed(Buffer.from(html)), pageType, pageCache, policyFor(pageStyle, docsStyle));
}

/** Placeholders are chosen so that a page is valid HTML before it is filled, and the linter can read it. */
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
