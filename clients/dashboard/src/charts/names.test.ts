import { expect, it } from 'vitest';
import { cityName, countryName, deviceName, languageName, tierName } from './names.ts';
import { changeOf, share } from './numbers.ts';

it.each([
  ['Springfield, Illinois, US', 'Springfield, Illinois, United States'],
  ['Zürich, Zurich, CH', 'Zürich, Switzerland'],
  ['Berlin, Land Berlin, DE', 'Berlin, Germany'],
  ['Monaco, MC', 'Monaco, Monaco'],
  ['', 'Not known'],
  ['Atlantis', 'Atlantis'],
])('the city %s is called %s', (value, name) => {
  expect(cityName(value)).toBe(name);
});

it('what is not known, or is no code, is told all the same', () => {
  expect([countryName(''), countryName('?'), languageName('xx'), deviceName('watch'), tierName('')]).toEqual([
    'Not known',
    '?',
    'xx',
    'watch',
    'Not known',
  ]);
});

it('a change is told against something, and where it is one', () => {
  expect(changeOf(3, 0)).toBeUndefined();
  expect(changeOf(1_000, 1_001)?.direction).toBe('same');
  expect(changeOf(1, 3)).toEqual({ direction: 'down', text: '67% less' });
  expect(changeOf(3, 2)).toEqual({ direction: 'up', text: '50% more' });
});

it('a small share keeps a digit, and nothing has none', () => {
  expect([share(1, 3), share(1, 1_000), share(0, 10), share(1, 0)]).toEqual(['33%', '0.1%', '0%', '0%']);
});
