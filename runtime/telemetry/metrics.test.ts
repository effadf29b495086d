import { describe, expect, it } from 'vitest';
import { freePort } from '../testing/wait-for.ts';
import { counter, histogram, observe, startMetrics } from './metrics.ts';
import { attribute, type MetricDefinition, metric } from './schema.ts';

describe('metrics', () => {
  it('counts into nothing until it is started, and into the page then', async () => {
    const creates = counter(metric.linkCreates);
    creates.add(100, { outcome: 'created' });
    let bytes = 7;
    const release = observe(metric.spoolBytes, {}, () => bytes);
    const port = await freePort();
    const running = await startMetrics({ instance: 'link', metricsAddress: { host: '127.0.0.1', port } });
    creates.add(2, { outcome: 'created' });
    histogram(metric.clickBatchDuration).record(0.3);
    observe(metric.breakerState, { breaker: 'redis' }, () => 2);
    bytes = 8;
    const page = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const before = await page();
    expect(before).toContain('hop_link_creates_total{outcome="created"} 2');
    expect(before).toContain('hop_edge_spool_bytes 8');
    expect(before).toContain('hop_breaker_state{breaker="redis"} 2');
    expect(before).toMatch(/hop_click_batch_duration_seconds_bucket\{le="0.5"\} 1/);
    release();
    bytes = 9;
    expect(await page()).not.toContain('hop_edge_spool_bytes 9');
    await running.stop();
  });

  it('shows the zeros of a counter before it counts, whenever it was made', async () => {
    counter(metric.clicksDropped);
    const running = await startMetrics({ instance: 'edge', metricsAddress: { host: '127.0.0.1', port: 0 } });
    counter(metric.clickLogResets);
    const figures = await running.read();
    expect(figures.all(metric.clicksDropped)).toEqual([
      { attributes: { reason: 'quota' }, value: 0 },
      { attributes: { reason: 'age' }, value: 0 },
    ]);
    expect(figures.sum(metric.clickLogResets)).toBe(0);
    await running.stop();
  });
});

describe('schema', () => {
  const all: MetricDefinition[] = Object.values(metric);

  it('declares each name once, with known attributes and a unit in the name', () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    const known = new Set<string>(Object.values(attribute));
    for (const { name, kind, unit, attributes, zeros = [] } of all) {
      expect(name).toMatch(/^hop_[a-z_]+$/);
      expect(attributes.every((one) => known.has(one))).toBe(true);
      for (const zero of zeros) expect(Object.keys(zero)).toEqual(kind === 'counter' ? attributes : []);
      if (unit === 's') expect(name).toMatch(/_seconds$/);
      if (unit === 'By') expect(name).toMatch(/_bytes$/);
    }
  });
});
