import type { Link } from '@hopline/client';
import { harmless, type Terminal } from '../terminal.ts';
import { type Column, table } from './table.ts';
import { padEnd } from './text-width.ts';
import { ageText, whenText } from './times.ts';

const clicksText = ({ clickCount }: Link) => (clickCount === undefined ? '?' : clickCount.toLocaleString('en'));

/** For a link with a limit. */
const usesText = ({ maxClicks, usedClicks = 0 }: Link) =>
  maxClicks === undefined ? '' : `${usedClicks.toLocaleString('en')} of ${maxClicks.toLocaleString('en')}`;

/** The links of a page, one per line. */
export function linkTable(links: readonly Link[], { width, paint }: Terminal, nowMs = Date.now()): string[] {
  const domain: Column<Link> = { title: 'DOMAIN', text: (link) => link.domain, least: 10 };
  const columns: Column<Link>[] = [
    { title: 'CODE', text: ({ code }) => harmless(code), least: 10, paint: paint.cyan },
    // If all have the same domain, it would be repeated on every line.
    ...(links.some((link) => link.domain !== links[0]?.domain) ? [domain] : []),
    { title: 'CLICKS', text: clicksText, right: true },
    { title: 'STATE', text: ({ state }) => (state === 'active' ? '' : state), paint: paint.yellow },
    { title: 'LEADS TO', text: ({ longUrl }) => harmless(longUrl), least: 16 },
    { title: 'TITLE', text: ({ title }) => harmless(title), least: 10, spare: 2 },
    { title: 'TAGS', text: ({ tags }) => harmless(tags.join(' ')), least: 6, spare: 3, paint: paint.dim },
    { title: 'AGE', text: ({ createdAt }) => ageText(createdAt, nowMs), right: true, spare: 1, paint: paint.dim },
  ];
  return table(columns, links, { width, head: paint.bold });
}

/** Everything known about one link. */
export function linkLines(link: Link, { paint }: Terminal): string[] {
  const rows: [string, string][] = [
    ['leads to', harmless(link.longUrl)],
    ['title', harmless(link.title)],
    ['tags', harmless(link.tags.join(', '))],
    ['clicks', clicksText(link)],
    ['state', link.state],
    ['redirect', String(link.redirectStatus)],
    ['made', whenText(link.createdAt)],
    ['changed', whenText(link.updatedAt)],
    ['ends', whenText(link.expiresAt)],
    ['uses', usesText(link)],
    ['deleted', whenText(link.deletedAt)],
    ['etag', link.etag],
  ];
  const shown = rows.filter(([, text]) => text !== '');
  return [paint.bold(link.shortUrl), ...shown.map(([name, text]) => `  ${paint.dim(padEnd(name, 9))} ${text}`)];
}
