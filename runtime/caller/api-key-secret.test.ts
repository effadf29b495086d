import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isApiKeySecret, makeApiKeySecret } from './api-key-secret.ts';

it('makes secrets that hold, each another', () => {
  const made = Array.from({ length: 1_000 }, makeApiKeySecret);
  expect(new Set(made).size).toBe(1_000);
  for (const secret of made) {
    expect(secret).toMatch(/^hop_[0-9A-Za-z]{38}$/);
    expect(isApiKeySecret(secret)).toBe(true);
  }
});

it('sees every typing error of one character, every swap of neighbours and every cut', () => {
  const place = fc.nat({ max: 37 });
  const character = fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz');
  fc.assert(
    fc.property(fc.constant(0).map(makeApiKeySecret), place, character, (secret, at, wrong) => {
      const index = at + 4;
      const typed = secret.slice(0, index) + wrong + secret.slice(index + 1);
      expect(isApiKeySecret(typed)).toBe(typed === secret);
      const swapped = `${secret.slice(0, index - 1)}${secret[index]}${secret[index - 1]}${secret.slice(index + 1)}`;
      expect(isApiKeySecret(swapped)).toBe(swapped === secret);
      expect(isApiKeySecret(secret.slice(0, index))).toBe(false);
      expect(isApiKeySecret(`${secret} `)).toBe(false);
    }),
  );
});
