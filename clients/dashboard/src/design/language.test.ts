import { afterEach, describe, expect, it, vi } from 'vitest';
import { languageOf, mendLanguage } from './language.ts';

afterEach(() => vi.unstubAllGlobals());

it.each([
  ['de-CH', 'de-CH'],
  ['en-US@posix', 'en-US'],
  ['fr_CA.UTF-8', 'fr-CA'],
  ['zh-hant-tw', 'zh-Hant-TW'],
  ['C', undefined],
  ['', undefined],
])('the language "%s" is %s to Intl', (given, language) => {
  expect(languageOf(given)).toBe(language);
});

describe('the language of a browser', () => {
  it.each(['en-US@posix', 'C', ''])('that is "%s" becomes one that Intl takes', (language) => {
    vi.stubGlobal('navigator', { language });
    mendLanguage();
    expect(new Intl.NumberFormat(navigator.language).format(1_234)).toMatch(/^1\D?234$/);
  });

  it('stays as it is where Intl takes it', () => {
    const browser = Object.freeze({ language: 'de-CH' });
    vi.stubGlobal('navigator', browser);
    mendLanguage();
    expect(navigator.language).toBe('de-CH');
  });
});
