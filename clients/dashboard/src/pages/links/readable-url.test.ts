import { expect, it } from 'vitest';
import { readableUrl } from './readable-url.ts';

it.each([
  ['https://example.com/caf%C3%A9?q=%D9%82', 'https://example.com/café?q=ق'],
  ['https://example.com/%E2%82%AC/%F0%9F%8E%89', 'https://example.com/%E2%82%AC/🎉'],
  ['https://example.com/%E2%9D%A4%EF%B8%8F', 'https://example.com/❤️'],
  ['https://xn--mnchen-3ya.example/', 'https://xn--mnchen-3ya.example/'],
])('letters of %s are written as they are', (url, shown) => {
  expect(readableUrl(url)).toBe(shown);
});

it.each([
  ['signs of an address', 'https://example.com/%2F%3F%23%25%41%21'],
  ['blanks', 'https://example.com/a%20b%C2%A0c%E3%80%80'],
  ['letters that cannot be seen', 'https://example.com/a%E3%85%A4b%CD%8F'],
  ['signs that turn the direction round', 'https://example.com/%E2%80%AEgpj.exe'],
  ['what is not UTF-8', 'https://example.com/%E9%A'],
])('%s stay encoded', (_, url) => {
  expect(readableUrl(url)).toBe(url);
});
