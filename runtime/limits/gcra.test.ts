import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Rate, rateOf, taking, tokensIn } from './gcra.ts';
import { rateLimitTable, unknownCodesLimit } from './rate-limits.ts';

const rates = fc.record({
  interval: fc.integer({ min: 1, max: 1_000_000 }),
  // Small ones too, which a few calls after a pause can exceed.
  burst: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 10_000 })),
});

/** Calls `steps` apart, each for one token; answers when they were let through. */
function letThrough(rate: Rate, steps: readonly number[]): number[] {
  const through: number[] = [];
  let fullAt: number | undefined;
  let now = 1_700_000_000_000_000;
  for (const step of steps) {
    now += step;
    const taken = taking(rate, fullAt, now);
    if (taken.wait > 0) continue;
    fullAt = taken.fullAt;
    through.push(now);
  }
  return through;
}

describe('a bucket', () => {
  it('lets exactly its burst through at once', () => {
    fc.assert(
      fc.property(fc.record({ interval: fc.integer({ min: 1 }), burst: fc.integer({ min: 1, max: 500 }) }), (rate) => {
        expect(letThrough(rate, Array(rate.burst + 5).fill(0))).toHaveLength(rate.burst);
      }),
    );
  });

  it('lets no more through in any time than the burst and what came back in it', () => {
    fc.assert(
      fc.property(rates, fc.array(fc.integer({ min: 0, max: 2_000_000 }), { maxLength: 200 }), (rate, steps) => {
        const through = letThrough(rate, steps);
        through.forEach((from, first) => {
          through.slice(first).forEach((to, count) => {
            expect(count + 1).toBeLessThanOrEqual(rate.burst + Math.floor((to - from) / rate.interval));
          });
        });
      }),
    );
  });

  it('that refuses says when it will not: then, and not a moment sooner', () => {
    const now = 1_700_000_000_000_000;
    fc.assert(
      fc.property(
        rates,
        fc.integer({ min: 0, max: 1_000_000 }),
        fc.integer({ min: 1, max: 5 }),
        (rate, over, tokens) => {
          fc.pre(tokens <= rate.burst);
          const fullAt = now + rate.burst * rate.interval - over;
          const { wait } = taking(rate, fullAt, now, tokens);
          expect(taking(rate, fullAt, now + wait, tokens).wait).toBe(0);
          if (wait > 0) expect(taking(rate, fullAt, now + wait - 1, tokens).wait).toBe(1);
        },
      ),
    );
  });

  it('has as many tokens as it lets through', () => {
    const now = 1_700_000_000_000_000;
    fc.assert(
      fc.property(rates, fc.integer({ min: 0, max: 1_000_000_000 }), (rate, ahead) => {
        const fullAt = now + Math.min(ahead, rate.burst * rate.interval);
        const tokens = tokensIn(rate, fullAt, now);
        if (tokens > 0) expect(taking(rate, fullAt, now, tokens).wait).toBe(0);
        expect(taking(rate, fullAt, now, tokens + 1).wait).toBeGreaterThan(0);
      }),
    );
  });

  it('of a limit gives what the limit promises within its period', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000_000 }), fc.constantFrom(60, 3_600), (calls, periodSeconds) => {
        const { interval, burst } = rateOf({ calls, periodSeconds });
        expect(burst).toBe(calls);
        expect(interval * calls).toBeLessThanOrEqual(periodSeconds * 1_000_000);
      }),
    );
  });
});

it('the figures are those of the public contract', () => {
  const defaults = Object.entries(rateLimitTable).map(([name, { fallback }]) => [name, fallback?.value]);
  expect(Object.fromEntries(defaults)).toEqual({
    signups: { calls: 300, periodSeconds: 3_600 },
    logins: { calls: 30, periodSeconds: 60 },
    anonymous: { calls: 1_000, periodSeconds: 60 },
    caller: { calls: 6_000, periodSeconds: 60 },
  });
  expect(unknownCodesLimit.fallback?.value).toEqual({ calls: 1_000, periodSeconds: 60 });
});
