import { expect, it } from 'vitest';
import type { ClickRound } from './clicks/clicks.ts';
import type { HotSetFigures } from './hot-set/hot-set.ts';
import type { Measurement } from './measure.ts';
import { pageOf } from './page.ts';
import { mediansOf, type Results, type Series } from './results.ts';

const machine: Series['machine'] = {
  cpu: 'Some CPU',
  cores: 2,
  memoryGb: 8,
  kernel: 'Linux 6.1',
  memoryNs: 40,
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
const resultsOf = (label: string, measured: readonly Measurement[]): Results => ({
  label,
  variants: { 'redirect-l1': { machine, seconds: 5, rounds: measured } },
});

it('takes the median of the rounds, and leaves the generator out of the mesh', () => {
  expect(mediansOf(rounds)).toMatchObject({ perSecond: 5_500, cpuUs: { all: 55.1, envoy: 55 }, generatorUs: 9 });
});

it('publishes the cold capacity and every round, and keeps what was written by hand', () => {
  const text = pageOf(resultsOf('after', rounds), 'By hand.');
  expect(text).toContain('**Cold capacity: 5500 redirects/s**');
  expect(text).toContain('| redirect-l1 | 2 | 6050 | 50 |');
  expect(text).toContain('By hand.');
});

it('compares with what was measured before, on the machine as it was then', () => {
  const before = resultsOf('before', [round(2_750, 110)]);
  expect(pageOf(resultsOf('after', rounds), '', before)).toContain(
    '| redirect-l1 | 110.0 | 55.0 | -50 % | 9.0 | 9.0 | 0 % | 12.2 | 6.1 | -50 % |',
  );
});

const quantiles = { p50: 0.2, p90: 0.4, p99: 1.5, max: 30 };

function hotSetFigures(stored: number): HotSetFigures {
  return {
    ...{ stored, entries: 12_500, envoyMib: 32.5 },
    crowd: {
      links: stored,
      offered: 30_000,
      refusedShare: 0,
      perSecond: 29_990,
      edgeShare: 0.812,
      latencyMs: quantiles,
      latenessMs: quantiles,
    },
    push: {
      ...{ entries: 12_500, pushes: 10, medianMs: 120, mostMs: 180, offered: 3_000, edgeShare: 0.99 },
      ...{ latencyMs: quantiles, quietMs: quantiles },
    },
    rounds: [
      { ...round(60_000, 15), variant: 'bare' },
      { ...round(57_000, 16), variant: 'hot-200' },
      { ...round(54_000, 17), variant: 'hot-10000' },
    ],
  };
}

it('shows the hot set by the number of links stored, beside what is wanted', () => {
  const hotSet = Object.fromEntries(
    [1_000, 100_000].map((stored) => [stored, { machine, seconds: 5, figures: hotSetFigures(stored) }]),
  );
  const text = pageOf({ label: 'after', variants: {}, hotSet }, '');
  expect(text).toContain('|  | wanted | 1,000 links | 100,000 links |');
  expect(text).toContain('| hot (10,000) of bare, requests/s | at least 90 % | 90 % | 90 % |');
  expect(text).toContain('| memory of Envoy for 10,000, MiB | at most 40 | 26.0 | 26.0 |');
  expect(text).toContain('| crowd: answered by the edge after 10 s | at least 80 % | 81.2 % | 81.2 % |');
});

it('shows a dash for what a run that was broken off did not measure', () => {
  const all = hotSetFigures(1_000);
  const figures = { ...all, rounds: all.rounds.slice(0, 2) };
  const text = pageOf({ label: 'after', variants: {}, hotSet: { 1000: { machine, seconds: 5, figures } } }, '');
  expect(text).toContain('| hot, 200 links, requests/s |  | 57000 |');
  expect(text).toContain('| hot, 10,000 links, requests/s |  | – |');
  expect(text).toContain('| hot (10,000) of bare, requests/s | at least 90 % | – |');
  expect(text).toContain('| Envoy, us a request: hot, 10,000 links | at most 20 | – |');
  expect(text).not.toMatch(/NaN|Infinity/);
});

it('shows what a click costs, by the number of links, median and rounds', () => {
  const clickRound = (perSecond: number, postgres: number): ClickRound => ({
    ...{ clicks: 200_000, perSecond, elsewhereShare: 0.1, openRate: perSecond / 2, openCpuUs: {} },
    cpuUs: { 'gateway-edge': 7, kafka: 1, analytics: 4, postgres, 'postgres-replica': 3 },
    freshnessMs: { p50: 400, p90: 600, p99: 900, max: 950 },
  });
  const figures = { rounds: { 2000: [clickRound(42_000, 12), clickRound(40_000, 10)] } };
  const text = pageOf({ label: 'after', variants: {}, clicks: { machine, seconds: 5, figures } }, '');
  expect(text).toContain('|  | wanted | 2,000 links | round 1 | round 2 |');
  expect(text).toContain('| clicks/s, sustained | at least 40,000 | 41000 | 42000 | 40000 |');
  expect(text).toContain('| CPU of all but the replica, us | at most 25 | 23 | 24 | 22 |');
});

it('shows how long each range takes, and whether that is what is wanted', () => {
  const range = (name: string, medianMs: number, worstMs: number) => ({
    name,
    clicks: 9_000_000,
    bestMs: 20,
    medianMs,
    worstMs,
  });
  const figures = { asked: 20, ranges: [range('all', 30, 49), range('cut', 40, 80), range('slow', 60, 90)] };
  const text = pageOf({ label: 'after', variants: {}, linkStatistics: { machine, seconds: 5, figures } }, '');
  expect(text).toContain('| all | 9,000,000 | 20 | 30 | 49 | met by all |');
  expect(text).toContain('| cut | 9,000,000 | 20 | 40 | 80 | met by most |');
  expect(text).toContain('| slow | 9,000,000 | 20 | 60 | 90 | failed |');
});
