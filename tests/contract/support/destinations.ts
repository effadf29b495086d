import { beforeAll, expect } from 'vitest';
import { type Answer, call, fieldsOf } from '../../support/http.ts';
import { newLink, newPerson, type Person } from '../../support/people.ts';
import { pathOf, urls } from './links.ts';
import { expectRefusal } from './refusals.ts';

/** A person, and a link of theirs that nothing that is refused may change, for the tests of a file. */
export function useDestinations() {
  const on = {} as { ada: Person; kept: { code: string; long_url: string } };
  beforeAll(async () => {
    on.ada = await newPerson();
    on.kept = await newLink(on.ada);
  });
  const create = (long_url: string): Promise<Answer> => call(urls, { token: on.ada.token, body: { long_url } });
  const edit = (long_url: string): Promise<Answer> =>
    call(pathOf(on.kept.code), { method: 'PATCH', token: on.ada.token, body: { long_url } });
  /** Refused in the same words when a link is made and when it is changed. */
  async function expectRefusedTwice(long_url: string, reason: string): Promise<void> {
    for (const answer of [await create(long_url), await edit(long_url)]) {
      expectRefusal(answer, 400, reason);
      expect(fieldsOf(answer)).toEqual(['long_url']);
    }
    expect((await call(`/${on.kept.code}`)).headers.get('location')).toBe(on.kept.long_url);
  }
  return Object.assign(on, { create, expectRefusedTwice });
}

/** Each text once, behind a short name for it. */
export const labelled = (texts: readonly string[]) =>
  [...new Set(texts)].map((text) => [JSON.stringify(text).slice(0, 70), text] as const);
