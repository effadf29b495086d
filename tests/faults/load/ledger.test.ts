import { describe, expect, it } from 'vitest';
import { generator, planArrivals } from './arrivals.ts';
import { type Answer, answersOf, kinds, ledgerOf, noStatus, quantile } from './ledger.ts';

const answer = (fields: Partial<Answer>): Answer => ({
  at: 0,
  kind: 'cached',
  link: 0,
  status: 302,
  latency: 1,
  ok: true,
  retryAfter: false,
  ...fields,
});

describe('a quantile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  it.each([
    [0.5, 50],
    [0.99, 99],
    [0.999, 100],
    [1, 100],
    [0, 1],
  ])('%f of 1 to 100 is %i', (share, value) => expect(quantile(hundred, share)).toBe(value));
  it('of nothing is no number', () => expect(quantile([], 0.5)).toBeNaN());
});

describe('a ledger', () => {
  const ledger = ledgerOf([
    answer({ at: 10, latency: 30 }),
    answer({ at: 20, latency: 10, kind: 'create', status: 201 }),
    answer({ at: 30, latency: 20, status: 503, ok: false, retryAfter: true }),
    answer({ at: 40, latency: 5_000, status: noStatus.timedOut, ok: false }),
  ]);

  it('counts a time span from its beginning to before its end', () => {
    expect(ledger.between(20, 40).answers.map(({ at }) => at)).toEqual([20, 30]);
  });
  it('tells success by kind', () => {
    expect(ledger.success).toBe(0.5);
    expect(ledger.of('create').success).toBe(1);
    expect(ledger.of('login').success).toBeNaN();
  });
  it('orders latencies, those of failures among them', () => {
    expect([0.25, 0.5, 0.75, 1].map((share) => ledger.quantile(share))).toEqual([10, 20, 30, 5_000]);
  });
  it('names what had no status', () => {
    expect(ledger.statuses()).toEqual({ 201: 1, 302: 1, 503: 1, timedOut: 1 });
  });
});

it('reads what a worker hands over', () => {
  const columns = {
    at: Float64Array.of(1.5),
    kind: Uint8Array.of(kinds.indexOf('read')),
    link: Int32Array.of(7),
    status: Int16Array.of(noStatus.overBound),
    latency: Float32Array.of(0.5),
    flags: Uint8Array.of(2),
  };
  expect(answersOf(columns)).toEqual([
    { at: 1.5, kind: 'read', link: 7, status: -1, latency: 0.5, ok: false, retryAfter: true },
  ]);
});

describe('arrivals', () => {
  const rates = { cached: 300, create: 100 };
  const plan = planArrivals(rates, 10_000, 7);

  it('are the same for the same seed, and others for another', () => {
    expect(planArrivals(rates, 10_000, 7)).toEqual(plan);
    expect(planArrivals(rates, 10_000, 8)).not.toEqual(plan);
  });
  it('come at their rates, in order, within the time', () => {
    const creates = plan.kind.filter((kind) => kinds[kind] === 'create').length;
    expect(plan.at.length).toBeGreaterThan(3_700);
    expect(plan.at.length).toBeLessThan(4_300);
    expect(creates / plan.at.length).toBeCloseTo(0.25, 1);
    expect([...plan.at]).toEqual([...plan.at].sort((one, other) => one - other));
    expect(plan.at.at(-1)).toBeLessThan(10_000);
  });
  it('need a rate', () => expect(() => planArrivals({}, 1_000)).toThrow(/rate/));
  it('draw from 0 to below 1', () => {
    const random = generator(1);
    const drawn = Array.from({ length: 10_000 }, random);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...drawn)).toBeLessThan(1);
  });
});
