import { call } from '../../support/http.ts';
import type { Person } from '../../support/people.ts';

export const urls = '/api/v1/urls';
export const long_url = 'https://example.org/';
export const pathOf = (code: string) => `${urls}/${encodeURIComponent(code)}`;

/** The calls on links, made by the person that `who` answers when they are made. */
export const linksOf = (who: () => Person) => ({
  create: (body: object, headers: Record<string, string> = {}) => call(urls, { token: who().token, body, headers }),
  get: (code: string) => call(pathOf(code), { token: who().token }),
  patch: (code: string, body: object | string, query = '') =>
    call(pathOf(code) + query, { method: 'PATCH', token: who().token, body }),
  remove: (code: string) => call(pathOf(code), { method: 'DELETE', token: who().token }),
});
