import { expect, it } from 'vitest';
import type { Measurement } from './measure.ts';
import { pageOf } from './page.ts';
import { mediansOf, type Series } from './results.ts';

const machine: Series['machine'] = {
  cpu: 'Some CPU',
  cores: 2,
  memoryGb: 8,
  kernel: 'Linux 6.1',
  load: 0.5,
  node: 'v24.0.0',
  envoy: '1.40.0',
  postgres: '18.4',
  commit: 'abcdef0',
  date: '2026-01-02T03:04:05.000Z',
};

const round = (perSecond: number, envoy: number): Measurement => ({
  variant: 'redirect-l1',
  requests: perSecond * 5,
  perSecond,
  cpuUs: { envoy, valkey: 0.1, generator: 9 },
  cpuAfterUs: { envoy: 0, valkey: 0, analytics: 20, generator: 5 },
  elsewhereShare: 0.05,
  stolenShare: 0,
  openRate: perSecond / 2,
  openRequests: perSecond * 2.5,
  latencyMs: { p50: 0.5, p90: 1, p99: 2, max: 9 },
  latenessMs: { p50: 0.1, p90: 0.1, p99: 0.2, max: 1 },
  tiers: { l1: perSecond * 5 },
});

const rounds = [round(5_000, 60), round(6_050, 50), round(5_500, 55)];
const page = (kept: string, before?: Parameters<typeof pageOf>[2]) =>
  pageOf({ label: 'after', variants: { 'redirect-l1': { machine, seconds: 5, rounds } } }, kept, before);

it('takes the median of the rounds, and leaves the generator out of the mesh', () => {
  expect(mediansOf(rounds)).toMatchObject({ perSecond: 5_500, cpuUs: { all: 55.1, envoy: 55 }, generatorUs: 9 });
});

it('publishes the cold capacity and every round, and keeps what was written by hand', () => {
  const text = page('By hand.');
  expect(text).toContain('**Cold capacity: 5500 redirects/s**');
  expect(text).toContain('| redirect-l1 | 2 | 6050 | 50 |');
  expect(text).toContain('By hand.');
});

it('compares with what was measured before', () => {
  const before = { label: 'before', machine, variants: { 'redirect-l1': mediansOf([round(2_750, 110)]) } };
  expect(page('', before)).toContain('| redirect-l1 | 2750 | 5500 | 100 % |');
});
