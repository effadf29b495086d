import { expect, it } from 'vitest';
import { atLeast, atMost, exactly, tidy } from './case.ts';
import { sumOf } from './metrics.ts';
import { pageOf, type Result } from './report.ts';

it('never rounds a figure up to its limit', () => {
  expect(tidy(99.99999)).toBe('99.999');
  expect(tidy(Number.POSITIVE_INFINITY)).toBe('none');
});

it('holds no finding without a figure', () => {
  const limits = [atLeast('a', Number.NaN, 1), atMost('b', Number.NaN, 1), exactly('c', Number.NaN, 1)];
  expect(limits.map(({ ok }) => ok)).toEqual([false, false, false]);
});

it('writes what failed as failed, grouped by part', () => {
  const result = (fields: Partial<Result>): Result => ({
    name: 'valkey-killed',
    part: 'Valkey',
    title: 'killed',
    criterion: 'nobody notices',
    at: '2030-01-02T03:04:05.000Z',
    scale: 1,
    findings: [atLeast('redirects', 99.5, 99.99, '%')],
    ...fields,
  });
  const results = [
    result({}),
    result({ name: 'kafka-killed', part: 'Kafka', findings: [exactly('clicks missing', 0, 0)] }),
    result({ name: 'valkey-slow', findings: [], fault: 'it did not start\nat once' }),
  ];
  const page = pageOf(results, { cpu: 'Some CPU', cores: 2, memoryGib: 8, node: 'v24', envoy: '1.40.0' }, [
    'valkey-flushed',
  ]);
  expect(page.match(/^## .*$/gm)).toEqual([
    '## Valkey',
    '## Kafka',
    '## Without a result at full length',
    '## How to run',
  ]);
  expect(page).toContain('| **failed** redirects: 99.5 % (>= 99.99) | **failed** |');
  expect(page).toContain('\nvalkey-flushed.\n');
  expect(page).toContain('| clicks missing: 0 (= 0) | holds |');
  expect(page).toContain('not carried out: it did not start | **failed** |');
});

it('reads a figure of Prometheus by its labels', () => {
  const text = '# HELP x y\nx{breaker="redis"} 2\nx{breaker="primary"} 0\nx_total{a="b"} 4 1700000000\ny 1\n';
  expect(sumOf(text, 'x', { breaker: 'redis' })).toBe(2);
  expect(sumOf(text, 'x')).toBe(2);
  expect(sumOf(text, 'x_total')).toBe(4);
  expect(sumOf(text, 'z')).toBeUndefined();
});
