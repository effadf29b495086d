import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { startMetrics } from '#runtime/telemetry/metrics.ts';
import { type Metric, metric } from '#runtime/telemetry/schema.ts';
import { waitFor } from '#runtime/testing/wait-for.ts';
import { createEnricher } from './enrichment/enrich.ts';
import { nowhere } from './enrichment/geo.ts';
import { createForwarder } from './forward.ts';
import { openSpool } from './spool/spool.ts';
import { createSpoolCare } from './spool/spool-care.ts';
import { activeName } from './spool/spool-files.ts';
import { spoolLine } from './testing/spool-line.ts';

let directory: string;
let metrics: Awaited<ReturnType<typeof startMetrics>>;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hop-metrics-'));
  metrics = await startMetrics({ instance: 'edge', metricsAddress: { host: '127.0.0.1', port: 0 } });
});
afterEach(async () => {
  await metrics.stop();
  await rm(directory, { recursive: true });
});

const counted = async (what: Metric, by: string): Promise<Record<string, number>> =>
  Object.fromEntries((await metrics.read()).all(what).map(({ attributes, value }) => [attributes[by], value]));

test('each line of the spool is counted by what became of it', async () => {
  const lines = [spoolLine(1), 'garbage', spoolLine(2), '{"v":1,"method":"GET","status":404}'];
  await writeFile(join(directory, activeName), `${lines.join('\n')}\n`);
  const spool = openSpool(directory, new Map(), { log: silentLog });
  const stopping = new AbortController();
  const forwarder = createForwarder({
    ...{ spool, cursor: { found: new Map(), save: async () => {} }, tap: () => {}, publish: async () => {} },
    ...{ log: silentLog, lingerMs: 1, maxClicks: 50, pollMs: 5 },
    enrich: createEnricher(
      () => undefined,
      () => nowhere,
    ),
  });
  const running = forwarder.run(stopping.signal);
  await waitFor(async () => (await counted(metric.clickLines, 'outcome')).sent === 2);
  expect(await counted(metric.clickLines, 'outcome')).toEqual({ sent: 2, malformed: 1, not_a_click: 1 });
  stopping.abort();
  await running;
  await spool.close();
});

test('each line that is dropped is counted by the reason', async () => {
  await writeFile(join(directory, 'clicks-1.jsonl'), 'one\ntwo\n');
  await writeFile(join(directory, activeName), 'three\n');
  const spool = openSpool(directory, new Map(), { log: silentLog });
  const care = createSpoolCare({
    ...{ directory, spool, rotation: { tick: async () => {} }, limits: { maxBytes: 6, maxAgeMs: 60_000 } },
    ...{ minFreeBytes: 0, syncMs: 0, log: silentLog },
  });
  await care.once();
  await spool.close();
  expect(await counted(metric.clicksDropped, 'reason')).toEqual({ quota: 2, age: 0 });
});

test('what is wrong with the spool is told apart', async () => {
  const care = createSpoolCare({
    spool: {
      ...{ sync: async () => {}, tidy: async () => {}, shed: async () => [], lag: async () => 4 },
      ...{ unreadable: () => 1, undeletable: () => 2, unreadForMs: () => 0 },
    },
    ...{ directory, rotation: { tick: async () => {} }, limits: { maxBytes: 5, maxAgeMs: 60_000 } },
    ...{ minFreeBytes: 0, syncMs: 0, log: silentLog },
  });
  await care.once();
  const figures = await metrics.read();
  const told = [metric.spoolUnreadable, metric.spoolUndeletable, metric.spoolBytes, metric.spoolCapacity];
  expect(told.map(figures.sum)).toEqual([1, 2, 4, 5]);
  expect(figures.sum(metric.spoolDiskFree)).toBeGreaterThan(0);
});
