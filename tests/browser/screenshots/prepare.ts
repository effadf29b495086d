import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';
import { type FollowedLink, sendPastClicks } from '../support/past-clicks.ts';
import { chance, headersOfToday, links, pastClicks, weights } from './company.ts';

export interface Company {
  readonly email: string;
  readonly password: string;
  readonly links: readonly FollowedLink[];
  /** The secret of an invitation to somebody else's workspace. */
  readonly invitation: string;
}

const clicksOfToday = 220;
const follow = (url: string, code: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/${code}`, { redirect: 'manual', headers, signal: AbortSignal.timeout(10_000) });

/** Signs a company up and lets two months go by. */
export async function prepare(url: string, kafkaPort: number): Promise<Company> {
  const email = `ada.${Date.now()}@example.org`;
  const password = 'a long walk in the rain';
  const { token, workspace } = await post(
    url,
    '/api/auth/signup',
    { email, password, name: 'Ada Lovelace' },
    undefined,
    {
      'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    },
  );
  for (const userAgent of ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Safari/604.1', 'hop/0.1.0'])
    await post(url, '/api/auth/login', { email, password }, undefined, { 'user-agent': userAgent });
  for (const [name, scopes] of [
    ['Nightly export', ['links:read', 'stats:read']],
    ['Newsletter', ['links:read', 'links:write']],
  ] as const)
    await post(url, '/api/v1/api-keys', { name, scopes }, token);
  const made: FollowedLink[] = [];
  // An alias is one for the whole installation, so that a second company has to do without.
  for (const { alias, ...link } of links.map((link) => ({ alias: undefined, ...link }))) {
    const wanted = await post(url, '/api/v1/urls', { ...link, alias }, token).catch(() => undefined);
    const { id, domain, code } = wanted ?? (await post(url, '/api/v1/urls', link, token));
    made.push({ id, domain, code, workspaceId: workspace.id });
  }
  const random = chance(7);
  let sent = 0;
  for (const [at, link] of made.entries()) {
    const clicks = pastClicks(Date.now(), weights[at] ?? 0, random);
    sent += clicks.length;
    await sendPastClicks(kafkaPort, link, clicks);
  }
  await followToday(url, made, random);
  const counted = async () => {
    const { urls = [] } = await ask(`${url}/api/v1/urls?page_size=100`, token);
    return urls.reduce((sum: number, link: { click_count: number }) => sum + link.click_count, 0);
  };
  // Bots are not among them.
  await eventually(counted, (count) => count > 0.9 * sent, { timeoutMs: 60_000, everyMs: 500 });
  return { email, password, links: made, invitation: await colleagues(url, token) };
}

/** Two people join, a third is invited, and one of them invites back. Answers the secret of that. */
async function colleagues(url: string, token: string): Promise<string> {
  let secretOfTheirs = '';
  for (const [name, role] of [
    ['Grace Hopper', 'admin'],
    ['', 'viewer'],
  ] as const) {
    const email = `${name.split(' ')[0]?.toLowerCase() || 'charles'}.${Date.now()}@example.org`;
    const account = { email, password: 'another walk in the rain', name };
    const colleague = await post(url, '/api/auth/signup', account);
    const { secret } = await post(url, '/api/v1/invitations', { role }, token);
    await post(url, '/api/v1/invitations:accept', { secret }, colleague.token);
    if (secretOfTheirs === '')
      secretOfTheirs = (await post(url, '/api/v1/invitations', { role: 'member' }, colleague.token)).secret;
  }
  await post(url, '/api/v1/invitations', { role: 'member', name: 'The new one in sales' }, token);
  return secretOfTheirs;
}

/** As many people as a morning has, each from somewhere. */
async function followToday(url: string, made: readonly FollowedLink[], random: () => number): Promise<void> {
  for (let click = 0; click < clicksOfToday; click++) {
    const { code = '' } = made[Math.floor(random() ** 2 * made.length)] ?? {};
    await follow(url, code, headersOfToday(random));
  }
}

/** Some more people follow the link, one after the other. */
export async function followNow(url: string, { code }: FollowedLink): Promise<void> {
  const random = chance(11);
  for (let click = 0; click < 4; click++) {
    await follow(url, code, headersOfToday(random));
    await sleep(300);
  }
}

/** Somebody else's link that is followed all the time, so that the edge has something to do. Answers how to stop. */
export async function keepBusy(url: string): Promise<() => void> {
  const account = { email: `bob.${Date.now()}@example.org`, password: 'another walk in the rain', name: 'Bob' };
  const { token } = await post(url, '/api/auth/signup', account);
  const { code } = await post(url, '/api/v1/urls', { long_url: 'https://example.com/busy' }, token);
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await Promise.all([follow(url, code), follow(url, code), follow(url, code)]).catch(() => {});
      await sleep(20 + 30 * Math.abs(Math.sin(Date.now() / 9_000)));
    }
  };
  void run();
  return () => stopping.abort();
}

async function ask(url: string, token: string) {
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  return response.json();
}

async function post(url: string, path: string, body: object, token?: string, more: Record<string, string> = {}) {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }), ...more };
  const send = () => fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  // A busy machine sheds calls before any work.
  const { answer: response } = await eventually(send, ({ status }) => status !== 503, { everyMs: 500 });
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}
