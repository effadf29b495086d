import { describe, expect, it } from 'vitest';
import { createPopularity } from './popularity.ts';

/** Ranks from 0, as likely as 1 / (rank + 1). */
function zipf(links: number): () => number {
  const sums = new Float64Array(links);
  let sum = 0;
  for (let rank = 0; rank < links; rank++) {
    sum += 1 / (rank + 1);
    sums[rank] = sum;
  }
  let state = 12_345;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
  return () => {
    const wanted = ((next() >>> 5) * 67_108_864 + (next() >>> 6)) * (sum / 2 ** 53);
    let low = 0;
    let high = links - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

describe('popularity', () => {
  it('finds the most followed of many links with an eighth of the counters', () => {
    const draw = zipf(160_000);
    const popularity = createPopularity({ counters: 20_000, halfLifeMs: 60_000 });
    const exact = new Map<string, number>();
    for (let click = 0; click < 200_000; click++) {
      const name = `go.example/${draw()}`;
      popularity.count(name);
      exact.set(name, (exact.get(name) ?? 0) + 1);
    }
    expect(popularity.size).toBe(20_000);
    const followsOf = (names: string[]): number => names.reduce((sum, name) => sum + (exact.get(name) ?? 0), 0);
    const best = [...exact].sort((a, b) => b[1] - a[1]).slice(0, 2_000);
    const found = popularity.above(1).sort((a, b) => b.score - a.score);
    const share = followsOf(found.slice(0, 2_000).map(({ name }) => name)) / followsOf(best.map(([name]) => name));
    expect(share).toBeGreaterThan(0.99);
    for (const { name, score } of found.slice(0, 100)) expect(score).toBeLessThanOrEqual(exact.get(name) ?? 0);
  });

  it('never tells more than was counted, and forgets by halves', () => {
    const popularity = createPopularity({ counters: 16, halfLifeMs: 1_000 });
    for (let click = 0; click < 8; click++) popularity.count('go.example/a');
    expect(popularity.scoreOf('go.example/a')).toBe(8);
    popularity.fade(2_000);
    expect(popularity.scoreOf('go.example/a')).toBe(2);
    expect(popularity.above(2)).toHaveLength(1);
    expect(popularity.above(2.1)).toHaveLength(0);
    expect(popularity.scoreOf('go.example/b')).toBe(0);
  });

  it('gives the counter of the least to a new link, without its count', () => {
    const popularity = createPopularity({ counters: 4, halfLifeMs: 1_000 });
    for (const name of ['a', 'a', 'b', 'b', 'c', 'd', 'd']) popularity.count(`go.example/${name}`);
    popularity.count('go.example/e');
    expect(popularity.scoreOf('go.example/c')).toBe(0);
    expect(popularity.scoreOf('go.example/e')).toBe(1);
    expect(popularity.size).toBe(4);
    for (let click = 0; click < 3; click++) popularity.count('go.example/e');
    popularity.fade(1_000);
    expect(popularity.scoreOf('go.example/e')).toBe(2);
  });

  it('tells how often a link is followed', () => {
    const popularity = createPopularity({ counters: 16, halfLifeMs: 60_000 });
    for (let second = 0; second < 10; second++) {
      popularity.fade(1_000);
      for (let click = 0; click < 10; click++) popularity.count('go.example/a');
    }
    expect(popularity.rateOf('go.example/a')).toBeGreaterThan(7);
    expect(popularity.rateOf('go.example/a')).toBeLessThan(15);
  });
});
