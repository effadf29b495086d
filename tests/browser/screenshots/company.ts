// A company that has used Hopline for two months: its links, who followed them until yesterday, and who does today.
import type { PastClick } from '../support/past-clicks.ts';

export const links = [
  {
    long_url: 'https://example.com/spring/collection',
    alias: 'spring',
    title: 'Spring collection',
    tags: ['mail', 'spring'],
  },
  { long_url: 'https://docs.example.org/getting-started', alias: 'start', title: 'Getting started', tags: ['docs'] },
  {
    long_url: 'https://example.com/talks/2026/short-links.pdf',
    alias: 'talk',
    title: 'Slides of the talk',
    tags: ['talks'],
  },
  { long_url: 'https://example.net/jobs', title: 'Open positions', tags: ['print'], max_clicks: 500 },
  { long_url: 'https://status.example.org/', alias: 'status', title: '', tags: [] },
  {
    long_url: 'https://example.com/newsletter?utm_source=qr',
    alias: 'news',
    title: 'Newsletter, on the posters',
    tags: ['print', 'qr'],
  },
] as const;

/** How much each of them is followed, against the first. */
export const weights = [1, 0.45, 0.3, 0.12, 0.08, 0.2];

/** Networks of universities, one a country, so that today's clicks come from somewhere. */
const addresses = [
  ...['129.132.1.1', '130.82.1.1', '141.20.1.1', '134.96.7.1', '129.67.1.1', '128.232.1.1', '130.89.1.1'],
  ...[
    '18.7.22.1',
    '171.64.1.1',
    '132.216.1.1',
    '133.11.1.1',
    '128.250.1.1',
    '146.164.1.1',
    '137.158.1.1',
    '130.237.1.1',
  ],
];

const userAgents = [
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15',
  'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
];

const referrers = [
  'https://mail.example.com/',
  'https://news.ycombinator.com/item',
  'https://www.linkedin.com/feed/',
  '',
];
const languages = ['en-GB,en;q=0.9', 'de-CH,de;q=0.9', 'fr-FR', 'ja', 'pt-BR', 'sv-SE', 'nl-NL'];

/** The same numbers from 0 to 1 each time. */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const one = <T>(random: () => number, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
/** Those at the front more often. */
const early = <T>(random: () => number, list: readonly T[]): T => list[Math.floor(random() ** 2 * list.length)] as T;

/** The headers of somebody who follows a link today. */
export const headersOfToday = (random: () => number): Record<string, string> => ({
  'x-forwarded-for': early(random, addresses),
  'user-agent': early(random, userAgents),
  'accept-language': early(random, languages),
  referer: one(random, referrers),
});

const places = [
  ['CH', 'Zurich', 'Zürich'],
  ['DE', 'Land Berlin', 'Berlin'],
  ['CH', 'Bern', 'Bern'],
  ['GB', 'England', 'London'],
  ['US', 'California', 'San Francisco'],
  ['DE', 'Bavaria', 'Munich'],
  ['FR', 'Île-de-France', 'Paris'],
  ['US', 'New York', 'New York'],
  ['NL', 'North Holland', 'Amsterdam'],
  ['JP', 'Tokyo', 'Tokyo'],
  ['IN', 'Karnataka', 'Bengaluru'],
  ['BR', 'São Paulo', 'São Paulo'],
  ['CA', 'Quebec', 'Montreal'],
  ['AU', 'Victoria', 'Melbourne'],
  ['SE', 'Stockholm', 'Stockholm'],
  ['ZA', 'Western Cape', 'Cape Town'],
  ['KE', 'Nairobi Area', 'Nairobi'],
  ['NZ', 'Auckland', 'Auckland'],
] as const;
const machines = [
  ['mobile', 'Safari', 'iOS'],
  ['desktop', 'Chrome', 'Windows'],
  ['mobile', 'Chrome', 'Android'],
  ['desktop', 'Firefox', 'Linux'],
  ['desktop', 'Safari', 'macOS'],
  ['desktop', 'Microsoft Edge', 'Windows'],
  ['tablet', 'Safari', 'iOS'],
] as const;
const pastReferrers = ['', 'mail.example.com', 'news.ycombinator.com', 'linkedin.com', 'example.org', 'lobste.rs'];
const pastLanguages = ['en', 'de', 'fr', 'ja', 'pt', 'sv'];
const dayMs = 86_400_000;
const days = 60;
const mostADay = 90;

/** Clicks of the days until yesterday: more of them as time goes by, fewer on weekends. */
export function pastClicks(now: number, weight: number, random: () => number): PastClick[] {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  return Array.from({ length: days }, (_, at) => {
    const dayBegins = midnight - (days - at) * dayMs;
    const isWeekend = [0, 6].includes(new Date(dayBegins).getDay());
    const clicks = mostADay * weight * (0.35 + (0.65 * at) / days) * (isWeekend ? 0.45 : 1) * (0.75 + random() / 2);
    return Array.from({ length: Math.round(clicks) }, () => pastClick(dayBegins, weight, random));
  }).flat();
}

function pastClick(dayBegins: number, weight: number, random: () => number): PastClick {
  const [country, region, city] = early(random, places);
  const [device, browser, operatingSystem] = early(random, machines);
  // Between seven and eleven, most of them around the middle of the day.
  const at = dayBegins + (7 + 8 * (random() + random())) * 3_600_000;
  const from = {
    country,
    region,
    city,
    referrerHost: early(random, pastReferrers),
    language: early(random, pastLanguages),
  };
  const isBot = random() < 0.06;
  const by = isBot
    ? { device: 'bot', browser: 'Googlebot', operatingSystem: '' }
    : { device, browser, operatingSystem };
  return { at, visitor: Math.floor(random() * 70 * weight), isBot, tier: random() < 0.7 ? 1 : 2, ...from, ...by };
}
