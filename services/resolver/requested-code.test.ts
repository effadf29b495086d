import { expect, it } from 'vitest';
import { prefersJson } from '#runtime/http/negotiation.ts';
import { readCode } from './requested-code.ts';

it.each([
  ['plain', 'aZ09_-x', { code: 'aZ09_-x', preview: false }],
  ['preview', 'offer+', { code: 'offer', preview: true }],
  ['NFD', 'gro\u0308\u00dfe', { code: 'gr\u00f6\u00dfe', preview: false }],
  ['64 characters outside the BMP', '𐐀'.repeat(64), { code: '𐐀'.repeat(64), preview: false }],
  ['64 decomposed characters', 'o\u0308'.repeat(64), { code: 'ö'.repeat(64), preview: false }],
])('reads %s', (_name, raw, asked) => {
  expect(readCode(raw)).toEqual(asked);
});

it.each([
  ['empty', ''],
  ['only the plus', '+'],
  ['a plus inside', 'a+b'],
  ['too long', 'a'.repeat(65)],
  ['much too long', 'o\u0308'.repeat(100_000)],
  ['a control character', 'a\u0000b'],
  ['a line break', 'a\n'],
  ['what was no percent-encoding', '%zz'],
  ['what was no UTF-8', 'a\ufffd'],
  ['half a character', '\ud800'],
  ['a slash', 'a/b'],
  ['a space', 'a b'],
  ['a dot', 'index.php'],
])('refuses %s', (_name, raw) => {
  expect(readCode(raw)).toBeUndefined();
});

it.each([
  [undefined, false],
  ['*/*', false],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', false],
  ['application/json', true],
  ['application/json, text/plain, */*', true],
  ['text/html;q=0.5, application/json;q=0.9', true],
  ['text/html, application/json', false],
  ['application/json;q=0', false],
  ['application/*', true],
  ['text/*, application/*;q=0.9', false],
  [`application/json,${'a,'.repeat(1_000)}`, false],
])('Accept: %s asks for JSON: %s', (accept, json) => {
  expect(prefersJson(accept)).toBe(json);
});
