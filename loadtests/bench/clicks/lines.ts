// Lines of the spool as Envoy writes them for hot redirects, of many people who follow links by zipf.
import { randomInt, randomUUID } from 'node:crypto';
import { zipfOrder } from '../hot-set/zipf.ts';

/** A link that can be followed. */
export interface Followed {
  readonly id: string;
  readonly workspaceId: string;
  readonly version: string;
  readonly code: string;
}

/** Everybody has one address and one user agent. */
const PEOPLE = 100_000;
const USER_AGENTS = 300;
const REFERRERS = 300;
const DIRECT_SHARE = 0.4;
const LANGUAGES = ['en-US,en;q=0.9', 'de-CH,de;q=0.8', 'fr-FR,fr;q=0.8', 'es-ES,es', 'pt-BR,pt', 'ja-JP', 'it-IT,it'];
/** So many draws are made at a time. */
const DRAWS = 65_536;

/** Answers the next line, without its end, of a click at this moment (microseconds since 1970). */
export type NextLine = (atUs: number) => string;

export function createLines(links: readonly Followed[]): NextLine {
  const people = Array.from({ length: PEOPLE }, personText);
  const referrers = Array.from({ length: REFERRERS }, (_, n) =>
    JSON.stringify(`https://site-${n}.example/page?from=${n}`),
  );
  const clicks = links.map(clickText);
  let places = { links: zipfOrder(links.length, DRAWS), referrers: zipfOrder(REFERRERS, DRAWS) };
  let drawn = 0;
  return (atUs) => {
    if (drawn === DRAWS) {
      places = { links: zipfOrder(links.length, DRAWS), referrers: zipfOrder(REFERRERS, DRAWS) };
      drawn = 0;
    }
    const referrer = Math.random() < DIRECT_SHARE ? 'null' : (referrers[places.referrers[drawn] as number] as string);
    const click = clicks[places.links[drawn++] as number] as string;
    return lineOf(atUs, randomUUID(), `"referrer":${referrer},${people[randomInt(PEOPLE)]},${click}`);
  };
}

/** A line of one link, to be known again by its request id. */
export function probeLine(link: Followed, atUs: number, requestId: string): string {
  return lineOf(atUs, requestId, `"referrer":null,${personText()},${clickText(link)}`);
}

function lineOf(atUs: number, requestId: string, rest: string): string {
  const at = `${Math.floor(atUs / 1_000_000)}${String(Math.floor(atUs % 1_000_000)).padStart(6, '0')}`;
  return `{"v":1,"at":"${at}","request_id":"${requestId}","method":"GET","status":302,"host":"localhost",${rest}}\n`;
}

function clickText({ id, workspaceId, version, code }: Followed): string {
  return `"path":"/${code}","click":"${[id, workspaceId, version, 'edge', 'localhost', code].join(';')}"`;
}

function personText(): string {
  const fields = {
    user_agent: userAgentText(randomInt(USER_AGENTS)),
    accept_language: LANGUAGES[randomInt(LANGUAGES.length)],
    sec_purpose: null,
    dnt: null,
    sec_gpc: null,
    // Of the half of the address space that is mostly handed out.
    address: [randomInt(1, 127), randomInt(256), randomInt(256), randomInt(1, 255)].join('.'),
    traceparent: null,
  };
  return JSON.stringify(fields).slice(1, -1);
}

function userAgentText(n: number): string {
  const version = `${100 + (n % 40)}.0.${n}.0`;
  switch (n % 5) {
    case 0:
      return `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version} Safari/537.36`;
    case 1:
      return `Mozilla/5.0 (iPhone; CPU iPhone OS 18_${n % 7} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.${n % 7} Mobile/15E${n} Safari/604.1`;
    case 2:
      return `Mozilla/5.0 (Linux; Android 15; Pixel ${n % 9}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version} Mobile Safari/537.36`;
    case 3:
      return `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.${n % 7} Safari/605.1.${n}`;
    default:
      return n % 50 === 4
        ? `Mozilla/5.0 (compatible; Somebot/${n}.0; +https://bot-${n}.example)`
        : `Mozilla/5.0 (X11; Linux x86_64; rv:${100 + (n % 40)}.0) Gecko/20100101 Firefox/${100 + (n % 40)}.${n}`;
  }
}
