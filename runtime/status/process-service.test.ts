import { timestampMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProcessService } from '#gen/status/v1/process_service_pb.ts';
import { breaker } from '../breaker/breaker.ts';
import { service } from '../rpc/endpoint.ts';
import { silentLog } from '../telemetry/log.ts';
import { counter, histogram, observe, type RunningMetrics, startMetrics } from '../telemetry/metrics.ts';
import { metric } from '../telemetry/schema.ts';
import { testPerson, testService } from '../testing/keys.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';
import { createProcessStatus, type ProcessStatus } from './process-service.ts';

let metrics: RunningMetrics;
let status: ProcessStatus;
let server: TestServer;

beforeAll(async () => {
  metrics = await startMetrics({ instance: 'gateway-edge', metricsAddress: { host: '127.0.0.1', port: 0 } });
  status = createProcessStatus({ instance: 'gateway-edge', read: metrics.read, log: silentLog });
  server = await startTestServer({
    services: [service(ProcessService, status.handlers)],
    checks: { spool: async () => {}, geo: () => Promise.reject(new Error('no file')) },
  });
});
afterAll(async () => {
  await server.stop();
  status.stop();
  await metrics.stop();
});

const read = () => server.client(ProcessService, { caller: testService('gateway-access') }).getProcessStatus({});

describe('GetProcessStatus', () => {
  it('is for processes of the mesh alone', async () => {
    const stranger = server.client(ProcessService, { caller: testPerson() });
    await expect(stranger.getProcessStatus({})).rejects.toThrow('Only processes of the mesh');
  });

  it('leaves out what this process has no part in', async () => {
    const { instance, version, startedAt, memoryBytes, dependencies, ...rest } = await read();
    expect([instance, version]).toEqual(['gateway-edge', expect.stringMatching(/^\d+\.\d+\.\d+$/)]);
    expect(startedAt && timestampMs(startedAt)).toBeLessThanOrEqual(Date.now());
    expect(memoryBytes).toBeGreaterThan(1_000_000);
    expect(dependencies.map(({ name }) => name)).toEqual(['geo', 'spool']);
    expect(rest).toMatchObject({ callsInFlight: 1, breakers: [], tiers: [] });
    for (const part of ['watch', 'watchSubscribers', 'hotSet', 'lease', 'spool', 'kafkaConsumer'] as const)
      expect(rest[part], part).toBeUndefined();
  });

  it('tells what the parts of the process measure', async () => {
    const failing = breaker('redis', () => Promise.reject(new Error('gone')), { timeoutMs: 1_000 });
    for (let times = 0; times < 5; times++) await failing.fire().catch(() => {});
    const gauges = [
      observe(metric.watchAge, {}, () => Number.POSITIVE_INFINITY),
      observe(metric.hotSetEntries, {}, () => 12),
      observe(metric.hotSetCapacity, {}, () => 100),
      observe(metric.leaseHeld, {}, () => 1),
      observe(metric.leaseStateAge, {}, () => 7.5),
      observe(metric.spoolBytes, {}, () => 512),
      observe(metric.clickLag, {}, () => 0.4),
      observe(metric.consumerStalled, { partition: '0' }, () => 12),
      observe(metric.consumerStalled, { partition: '1' }, () => 12),
      observe(metric.consumerLag, { partition: '0' }, () => 3),
      observe(metric.consumerLag, { partition: '1' }, () => 4),
    ];
    histogram(metric.hotSetPushDuration).record(0.01);
    counter(metric.follows).add(9, { tier: 'edge' });
    counter(metric.follows).add(5, { tier: 'l1' });
    counter(metric.resolutions).add(2, { tier: 'redis', outcome: 'followable' });
    counter(metric.resolutions).add(1, { tier: 'redis', outcome: 'expired' });
    counter(metric.kafkaMessages).add(6, { topic: 'hop.clicks.v1', outcome: 'acknowledged' });
    const answer = await read();
    expect(answer.breakers).toMatchObject([{ name: 'redis', state: 'open', opened: 1 }]);
    expect(answer.watch?.ageSeconds).toBeUndefined();
    expect(answer.watch).toBeDefined();
    expect(answer.hotSet).toMatchObject({ entries: 12, entryCapacity: 100, pushes: 1, rejections: 0 });
    expect(answer.lease).toMatchObject({ held: true, ageSeconds: 7.5, withdrawals: 0 });
    expect(answer.spool).toMatchObject({ bytes: 512, ageSeconds: 0, acknowledged: 6, failed: 0 });
    expect(answer.kafkaConsumer).toMatchObject({ lagMessages: 7, lagSeconds: 0.4, stalledSeconds: 12 });
    expect(answer.tiers.map(({ tier, answers }) => [tier, answers])).toEqual([
      ['edge', 9],
      ['redis', 3],
    ]);
    for (const end of gauges) end();
    failing.shutdown();
  });
});
