import { expect, it } from 'vitest';
import { sumOf } from '../support/metrics.ts';
import { atLeast, atMost, exactly, tidy } from './case.ts';
import { p99LikeBefore } from './judge/judge.ts';
import { ledgerOf } from './load/ledger.ts';
import { pageOf, type Result, standingOf } from './report.ts';

it('never rounds a figure up to its limit', () => {
  expect(tidy(99.99999)).toBe('99.999');
  expect(tidy(Number.POSITIVE_INFINITY)).toBe('none');
});

it('holds no finding without a figure', () => {
  const limits = [atLeast('a', Number.NaN, 1), atMost('b', Number.NaN, 1), exactly('c', Number.NaN, 1)];
  expect(limits.map(({ ok }) => ok)).toEqual([false, false, false]);
});

const result = (fields: Partial<Result>): Result => ({
  name: 'valkey-killed',
  part: 'Valkey',
  title: 'killed',
  criterion: 'nobody notices',
  at: '2030-01-02T03:04:05.000Z',
  commit: 'abcdef012',
  scale: 1,
  findings: [atMost('p99', 20, 250, 'ms'), atLeast('redirects', 99.5, 99.99, '%')],
  ...fields,
});
const machine = { cpu: 'Some CPU', cores: 2, memoryGib: 8, node: 'v24', envoy: '1.40.0' };

it('names what failed at the top, and shows each case under its part', () => {
  const results = [
    result({}),
    result({ name: 'kafka-killed', part: 'Kafka', findings: [exactly('clicks missing', 0, 0), atMost('p99', 2, 4)] }),
    result({ name: 'valkey-slow', findings: [], fault: 'it did not start\nat once' }),
  ];
  const page = pageOf(results, machine, [...results, result({ name: 'valkey-flushed' })]);
  expect(page.match(/^##+ .*$/gm)).toEqual([
    '## In short',
    '## Valkey',
    '### valkey-killed',
    '### valkey-slow',
    '## Kafka',
    '### kafka-killed',
    '## How to run',
  ]);
  expect(page).toContain('Of 4 cases 1 hold and 2 failed:');
  expect(page).toContain('\n- [valkey-killed](#valkey-killed): **failed** redirects: 99.5 % (>= 99.99)\n');
  expect(page).toContain('Without a result at full length: valkey-flushed.');
  expect(page).toContain('| [kafka-killed](#kafka-killed) | holds | p99: 2 (<= 4) |');
  expect(page).toContain('| [valkey-slow](#valkey-slow) | **failed** | not carried out: it did not start |');
  expect(page).toContain('- Verdict: **failed**; run 2030-01-02 03:04, abcdef012\n  - p99: 20 ms (<= 250)\n');
});

it('calls a result stale whose case has another criterion now', () => {
  const page = pageOf([result({ findings: [] })], machine, [result({ criterion: 'somebody may notice' })]);
  expect(page).toContain('| [valkey-killed](#valkey-killed) | **stale** |');
  expect(page).toContain('Of 1 cases 0 hold and 0 failed.');
  expect(page).toContain('another title or criterion now: [valkey-killed](#valkey-killed).');
});

it('judges no p99 by the baseline of a busy machine', () => {
  const answer = { at: 0, kind: 'cached', link: 0, status: 302, ok: true, retryAfter: false } as const;
  const lasting = (latency: number) => ledgerOf([{ ...answer, latency }]);
  expect(p99LikeBefore('redirects', lasting(20), lasting(31)).ok).toBe(false);
  const busy = p99LikeBefore('redirects', lasting(134), lasting(97));
  expect(busy.ok).toBeNull();
  expect(standingOf(result({ findings: [busy] }))).toBe('not all judged');
  const page = pageOf([result({ findings: [busy] })], machine, [result({})]);
  expect(page).toContain('p99 of redirects (before: 134.0 ms): 97 ms (not judged: before > 25, a busy machine)');
  expect(page).toContain('All that could be judged holds: [valkey-killed](#valkey-killed).');
});

it('reads a figure of Prometheus by its labels', () => {
  const text = '# HELP x y\nx{breaker="redis"} 2\nx{breaker="primary"} 0\nx_total{a="b"} 4 1700000000\ny 1\n';
  expect(sumOf(text, 'x', { breaker: 'redis' })).toBe(2);
  expect(sumOf(text, 'x')).toBe(2);
  expect(sumOf(text, 'x_total')).toBe(4);
  expect(sumOf(text, 'z')).toBeUndefined();
});
