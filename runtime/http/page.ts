import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/* What all pages have in common, whichever process serves them. */

export const pageType = 'text/html; charset=utf-8';

/** Inlined in each page, so that a page is one response. */
export const pageStyle = text('page.css');

/** The mark of Hopline, an SVG element. */
export const pageMark = text('page-mark.svg');

/** The Content-Security-Policy of a page with these style sheets: no script, nothing from elsewhere, no other style. */
export function policyFor(...styles: readonly string[]): string {
  const hashes = styles.map((style) => `'sha256-${createHash('sha256').update(style).digest('base64')}'`);
  return [
    "default-src 'none'",
    `style-src ${hashes.join(' ')}`,
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** The policy of a page that has no style but pageStyle. */
export const pagePolicy = policyFor(pageStyle);

interface PageParts {
  /** As text. */
  readonly title: string;
  /** As HTML. */
  readonly main: string;
  readonly footer: string;
}

/** A page for somebody who followed a link or an address that does not lead on. Search engines are not to keep it. */
export function htmlPage({ title, main, footer }: PageParts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<header><a class="mark" href="/">${pageMark}Hopline</a></header>
<main>
${main}
</main>
<footer>${footer}</footer>
</body>
</html>
`;
}

/** One that has no more to say than what is wrong, and what to do about it. */
export function simplePage(heading: string, text: string, footer: string): string {
  const main = `<h1>${heading}</h1>\n<p class="lead">${text}</p>`;
  return htmlPage({ title: heading.replace(/\.$/, ''), main, footer });
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and for attribute values in quotes. */
export function escapeHtml(raw: string): string {
  return raw.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

function text(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8').trim();
}
