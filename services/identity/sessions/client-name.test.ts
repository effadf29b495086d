import { expect, it } from 'vitest';
import { clientName } from './client-name.ts';

it.each([
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
    'Safari on iOS',
  ],
  ['curl/8.5.0', 'curl'],
  ['connect-es/2.1.2', 'connect-es'],
  ['', ''],
  ['<script>', ''],
])('calls %s %s', (userAgent, name) => {
  expect(clientName(userAgent)).toBe(name);
});

it('keeps to its bound, whatever it is given', () => {
  expect(clientName(`${'x'.repeat(100_000)}/1`).length).toBeLessThanOrEqual(64);
});
