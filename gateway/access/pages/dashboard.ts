import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pageType } from '#runtime/http/page.ts';
import { type Bodies, type SiteFile, siteFile } from './site-file.ts';

/** The files of the built dashboard: an index, and assets named after their content. */
export interface Dashboard {
  /** The file at a path below /app; the index for a path that only the app in the browser knows. */
  find(path: string): SiteFile | undefined;
}

const base = '/app';
const assets = `${base}/assets/`;
const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const compressedAs = { br: '.br', gzip: '.gz' } as const;

/** Everything from this origin, nothing inline, no eval, no framing; strings never become scripts (Trusted Types). */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** Reads the whole folder. Throws if it is not a dashboard. */
export function loadDashboard(dir: string): Dashboard {
  const index = siteFile(bodiesOf(path.join(dir, 'index.html')), pageType, 'no-cache', policy);
  const files = new Map<string, SiteFile>();
  for (const name of readdirSync(path.join(dir, 'assets'))) {
    const contentType = types[path.extname(name)];
    if (contentType === undefined) continue;
    const bodies = bodiesOf(path.join(dir, 'assets', name));
    files.set(assets + name, siteFile(bodies, contentType, 'public, max-age=31536000, immutable'));
  }
  return {
    find(asked) {
      if (asked.startsWith(assets)) return files.get(asked);
      return asked === base || asked.startsWith(`${base}/`) ? index : undefined;
    },
  };
}

/** A file, and its compressed versions from the build. */
function bodiesOf(file: string): Bodies {
  const kept = Object.entries(compressedAs).filter(([, suffix]) => existsSync(file + suffix));
  const encoded = kept.map(([encoding, suffix]) => [encoding, readFileSync(file + suffix)]);
  return { identity: readFileSync(file), ...Object.fromEntries(encoded) };
}
