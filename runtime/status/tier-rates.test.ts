import { expect, it } from 'vitest';
import { createTierRates } from './tier-rates.ts';

function setUp() {
  let time = 1_000;
  const rates = createTierRates(() => time);
  return {
    rates,
    pass: (ms: number) => {
      time += ms;
    },
  };
}

it('tells the pace of a young process since its start', () => {
  const { rates, pass } = setUp();
  expect(rates.perSecond('l1', 0)).toBe(0);
  pass(5_000);
  rates.note(new Map([['l1', 50]]));
  pass(5_000);
  expect(rates.perSecond('l1', 200)).toBe(20);
  expect(rates.perSecond('redis', 5)).toBe(0.5);
});

it('tells the pace of the last minute after that', () => {
  const { rates, pass } = setUp();
  for (let answers = 100; answers <= 10_000; answers += 100) {
    pass(5_000);
    rates.note(new Map([['l1', answers]]));
  }
  expect(rates.perSecond('l1', 10_000)).toBeCloseTo(20, 6);
  pass(60_000);
  expect(rates.perSecond('l1', 10_000)).toBe(0);
});
