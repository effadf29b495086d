import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { call } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { linksOf, long_url } from './support/links.ts';
import { expectBad, expectRefusal } from './support/refusals.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

const { create, get, patch, remove } = linksOf(() => ada);

describe('Aliases: 1 to 64 characters of letters and marks of any script, digits, "-", "_"', () => {
  const own = () => randomUUID().slice(0, 8);
  it.each([
    ['Latin', 'Übergrößenträger'],
    ['Greek', 'ελληνικά'],
    ['Cyrillic', 'русский'],
    ['Hebrew', 'עברית'],
    ['Arabic with marks', 'العَرَبِيَّة'],
    ['Devanagari', 'हिन्दी'],
    ['Thai', 'ภาษาไทย'],
    ['Hangul', '구글'],
    ['Han', '漢字'],
    ['Hiragana', 'ひらがな'],
    ['Amharic', 'አማርኛ'],
    ['Tamil', 'தமிழ்'],
    ['a letter beyond the first plane', '𠮷野家'],
    ['marks in a pile', 'z̴̢̛a'],
    ['digits of another script', '٣٤٥'],
    ['hyphens and underscores', '-_-'],
  ])('%s', async (_, word) => {
    const alias = `${word}-${own()}`;
    const link = await newLink(ada, { alias });
    expect(link.code).toBe(alias.normalize('NFC'));
    expect(new URL(link.short_url).pathname).toBe(`/${encodeURIComponent(alias.normalize('NFC'))}`);
    for (const form of ['NFC', 'NFD'] as const) {
      for (const path of [
        `/${encodeURIComponent(alias.normalize(form))}`,
        `/r/${encodeURIComponent(alias.normalize(form))}`,
      ]) {
        const followed = await call(path);
        expect([path, followed.status, followed.headers.get('location')]).toEqual([path, 302, link.long_url]);
      }
      expect((await get(alias.normalize(form))).json.id).toBe(link.id);
      const taken = await create({ long_url, alias: alias.normalize(form) });
      expectRefusal(taken, 409, 'ALIAS_TAKEN');
      expect(taken.json.details[0].metadata).toEqual({ alias: alias.normalize('NFC') });
    }
  });

  it('NFD input is normalised to NFC, when made and when followed, changed and deleted', async () => {
    const composed = `caf\u00e9-${own()}`;
    const link = await newLink(ada, { alias: composed.normalize('NFD') });
    expect(link.code).toBe(composed);
    expect((await patch(composed.normalize('NFD'), { title: 'x' })).status).toBe(200);
    expect((await remove(composed.normalize('NFD'))).status).toBe(200);
    expect((await get(composed)).status).toBe(404);
  });

  it('64 characters pass, 65 do not; characters are counted as they are stored', async () => {
    const of = (letter: string, count: number, id = own()) => id + letter.repeat(count - id.length);
    for (const letter of ['a', 'é', 'é'.normalize('NFD'), '漢', '𠮷', 'n\u0303']) {
      const made = await create({ long_url, alias: of(letter, 64) });
      expect([letter, made.status, [...made.json.code].length]).toEqual([letter, 201, 64]);
      expect((await call(`/${encodeURIComponent(made.json.code)}`)).status).toBe(302);
      expect((await call(`/${encodeURIComponent(made.json.code.normalize('NFD'))}`)).status).toBe(302);
      expectBad(await create({ long_url, alias: of(letter, 65) }), 'alias');
    }
    expectBad(await create({ long_url, alias: '' }), 'alias');
    expectBad(await create({ long_url, alias: 'a'.repeat(100_000) }), 'alias');
  });

  it.each([
    '😀',
    'a😀',
    '👩‍👩‍👧',
    '🇩🇪',
    '☕️',
    '❤',
    '©',
    '½',
    'Ⅷ',
    '①',
    'a b',
    ' a',
    'a ',
    'a+b',
    'a&b',
    'a?b',
    'a#b',
    'a/b',
    'a\\b',
    'a%b',
    'a%20b',
    'a.b',
    '.',
    '..',
    'a:b',
    'x:undelete',
    'a;b',
    'a,b',
    'a@b',
    'a=b',
    "a'b",
    'a"b',
    'a<b',
    'a~b',
    'a!b',
    'a*b',
    'a(b',
    'a$b',
    'a\u0000b',
    'a\nb',
    'a\u200bb',
    'a\u200db',
    'a\u202eb',
    'a\ufeffb',
    'a\u00adb',
    'admin\u034f',
    'api\ufe0f',
    '\u3164',
    '\u0301a',
    '\u00a0',
    'a–b',
    'a‿b',
  ])('refused: %j', async (alias) => {
    expectBad(await create({ long_url, alias }), 'alias');
    expectBad(await patch((await newLink(ada)).code, { alias }), 'alias');
  });

  it.each(['api', 'app', 'r', 'hop', 'healthz', 'readyz', 'robots.txt', 'favicon.ico', '.well-known'])(
    'a reserved word is refused in any case: %s',
    async (word) => {
      const mixed = [...word].map((letter, index) => (index % 2 === 0 ? letter.toUpperCase() : letter)).join('');
      for (const alias of [word, word.toUpperCase(), mixed]) {
        expectBad(await create({ long_url, alias }), 'alias');
        expectBad(await patch((await newLink(ada)).code, { alias }), 'alias');
      }
    },
  );

  it('a reserved word in letters that only look like it, or fold to it, is none of ours', async () => {
    for (const alias of ['ＡＰＩ', 'ａｐｉ', 'ÀPI'.normalize('NFD')]) {
      const made = await create({ long_url, alias });
      // Full-width letters stay what they are in NFC: another code, which never reads as /api.
      expect([201, 400, 409]).toContain(made.status);
      expect((await call('/api')).status).toBe(404);
    }
  });

  it('an alias is the caller’s own text: null and absent mean a generated one', async () => {
    for (const body of [{ long_url }, { long_url, alias: null }]) {
      const made = await create(body);
      expect([made.status, made.json.code.length]).toEqual([201, 7]);
    }
  });
});
