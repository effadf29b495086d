import { eventually } from '../../support/eventually.ts';
import { type Answer, call } from '../../support/http.ts';
import type { Person } from '../../support/people.ts';
import { pathOf } from './links.ts';

export const browser =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';
export const phone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';
export const bot = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)';

export const follow = (code: string, headers: Record<string, string> = {}, method = 'GET') =>
  call(`/${code}`, { method, headers: { 'user-agent': browser, ...headers } });

/** What the person that `who` answers is told of a link: now, and once it is as it has to be. */
export function statisticsOf(who: () => Person) {
  const stats = (code: string, query = '') => call(`${pathOf(code)}/stats${query}`, { token: who().token });
  const settled = async (code: string, accept: (json: Answer['json']) => boolean, query = '') => {
    const ask = () => stats(code, query);
    return (await eventually(ask, ({ json }) => accept(json), { timeoutMs: 10_000, everyMs: 50 })).answer.json;
  };
  return { stats, settled };
}

export const sum = (all: readonly { readonly clicks: number }[]): number =>
  all.reduce((total, { clicks }) => total + clicks, 0);
