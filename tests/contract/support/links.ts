import { expect } from 'vitest';
import { call } from '../../support/http.ts';
import type { Person } from '../../support/people.ts';

export const urls = '/api/v1/urls';
export const long_url = 'https://example.org/';
export const pathOf = (code: string) => `${urls}/${encodeURIComponent(code)}`;

/** How a program asks for an answer, and how a browser does. */
export const json = { accept: 'application/json' };
export const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

/** The status and the destination that whoever follows a link is answered. */
export async function followed(code: string, headers = {}): Promise<[status: number, location: string | null]> {
  const answer = await call(`/${encodeURIComponent(code)}`, { headers });
  return [answer.status, answer.headers.get('location')];
}

/** Edits a link and answers it; fails the test when it is not a 200. */
export async function edited({ token }: Person, code: string, fields: object) {
  const answer = await call(pathOf(code), { method: 'PATCH', token, body: fields });
  expect(answer.status, answer.text).toBe(200);
  return answer.json;
}

/** The calls on links, made by the person that `who` answers when they are made. */
export const linksOf = (who: () => Person) => ({
  create: (body: object, headers: Record<string, string> = {}) => call(urls, { token: who().token, body, headers }),
  get: (code: string) => call(pathOf(code), { token: who().token }),
  patch: (code: string, body: object | string, query = '') =>
    call(pathOf(code) + query, { method: 'PATCH', token: who().token, body }),
  remove: (code: string) => call(pathOf(code), { method: 'DELETE', token: who().token }),
});
