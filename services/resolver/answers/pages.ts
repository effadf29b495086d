import { escapeHtml, htmlPage, pagePolicy, simplePage } from '#runtime/http/page.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import type { FollowState } from '../cached-link.ts';

/** Why an existing link leads nowhere. */
export type GoneReason = Exclude<FollowState, 'followable'>;

/** What the preview shows. */
export interface Preview {
  readonly name: LinkKey;
  readonly destination: string;
  readonly madeAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  /** 0: no limit. */
  readonly maxClicks: number;
}

/** Headers of every page. */
export const pageHeaders = {
  'content-security-policy': pagePolicy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-language': 'en',
} as const;

const goneTexts: Readonly<Record<GoneReason, readonly [heading: string, text: string]>> = {
  expired: ['This link has expired.', 'It was made to work for a limited time, and that time is over.'],
  disabled: ['This link is disabled.', 'It has been disabled for now. It may come back.'],
  used_up: ['This link is used up.', 'It was made to be followed a limited number of times, and it has been.'],
  deleted: ['This link was deleted.', 'Its owner has taken it down.'],
};

export const notFoundPage: Buffer = Buffer.from(
  simplePage(
    'There is no such link.',
    'Check it for a missing or a changed letter: upper and lower case differ.',
    'Error 404',
  ),
);

export const unavailablePage: Buffer = Buffer.from(
  simplePage(
    'We cannot look this link up right now.',
    'The link may well be fine; the fault is ours. Please try again in a moment.',
    'Error 503',
  ),
);

export const tooManyPage: Buffer = Buffer.from(
  simplePage(
    'Too many links that lead nowhere.',
    'Your network has asked for many links that do not exist. Please try again in a moment.',
    'Error 429',
  ),
);

export const gonePages: Readonly<Record<GoneReason, Buffer>> = {
  expired: gonePage('expired'),
  disabled: gonePage('disabled'),
  used_up: gonePage('used_up'),
  deleted: gonePage('deleted'),
};

/** Shows where a link leads, without following it. */
export function previewPage({ name, destination, madeAtMs, expiresAtMs, maxClicks }: Preview): Buffer {
  const facts = [
    fact('Short link', escapeHtml(`${name.domain}/${name.code}`)),
    fact('Made', dateTime(madeAtMs)),
    fact('Works until', dateTime(expiresAtMs)),
    fact('Maximum visits', maxClicks === 0 ? undefined : maxClicks.toLocaleString('en')),
  ];
  const title = `Where ${name.domain}/${name.code} leads`;
  const main = `<h1>This link leads to another site.</h1>
<p class="lead">You have not been there yet. Continue only if you know and trust the address below.</p>
<div class="card">
<p class="host">${escapeHtml(hostOf(destination))}</p>
<p class="url" tabindex="0">${escapeHtml(destination)}</p>
<dl>${facts.join('')}</dl>
</div>
<a class="button" rel="nofollow noreferrer" href="/${escapeHtml(encodeURIComponent(name.code))}">Follow the link</a>`;
  return Buffer.from(htmlPage({ title, main, footer: 'A preview; it is not counted as a click.' }));
}

function gonePage(reason: GoneReason): Buffer {
  const [heading, text] = goneTexts[reason];
  return Buffer.from(simplePage(heading, `${text} Ask whoever gave it to you for a new one.`, 'Error 410'));
}

function fact(name: string, value: string | undefined): string {
  return value === undefined ? '' : `<div><dt>${name}</dt><dd>${value}</dd></div>`;
}

const dateFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });

function dateTime(atMs: number | undefined): string | undefined {
  if (atMs === undefined || !Number.isFinite(atMs)) return undefined;
  const at = new Date(atMs);
  return `<time datetime="${at.toISOString()}">${escapeHtml(dateFormat.format(at))} UTC</time>`;
}

function hostOf(destination: string): string {
  return URL.parse(destination)?.host ?? destination;
}
