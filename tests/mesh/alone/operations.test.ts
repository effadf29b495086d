import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, inject, it } from 'vitest';
import { type MetricDefinition, metric } from '#runtime/telemetry/schema.ts';
import { partsOf } from '../../../compose/local/graph.ts';
import { eventually } from '../../support/eventually.ts';
import { call } from '../../support/http.ts';
import { pidOf } from '../../support/parts.ts';

const parts = partsOf(1);
const MAINS = [
  'services/link/main.ts',
  'services/resolver/main.ts',
  'services/identity/main.ts',
  'services/analytics/main.ts',
  'gateway/access/main.ts',
  'gateway/edge/main.ts',
];

const alive = (pid: number) => {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe.each(parts)('%s', (part) => {
  it('has its pid and its log where they are looked for', () => {
    expect(alive(pidOf(part))).toBe(true);
    expect(existsSync(path.join(inject('meshDir'), 'log', `${part}.log`))).toBe(true);
  });
});

it('lets clicks wait where the cores do not suffice, and redirects not; the door, which refuses, comes before its services', () => {
  const own = getPriority();
  const services = { link: 3, 'resolver-1': 3, 'resolver-2': 3, identity: 3, 'gateway-access': 3 };
  const later: Readonly<Record<string, number>> = { ...services, 'gateway-edge': 5, analytics: 10, kafka: 10 };
  const niceness = parts.map((part) => [part, getPriority(pidOf(part))]);
  expect(niceness).toEqual(parts.map((part) => [part, Math.min(19, own + (later[part] ?? 0))]));
});

it('starts a part again that was killed', async () => {
  const before = pidOf('resolver-1');
  process.kill(before, 'SIGKILL');
  await eventually(
    async () => pidOf('resolver-1'),
    (pid) => pid !== before && alive(pid),
    { timeoutMs: 20_000 },
  );
  // Until then /readyz may repeat what it said before.
  await sleep(1_500);
  await eventually(
    () => call('/readyz'),
    (ready) => ready.json?.status === 'ready',
    { timeoutMs: 20_000 },
  );
});

it('is ready, as far as redirects go, while gateway-access is held', async () => {
  const pid = pidOf('gateway-access');
  process.kill(pid, 'SIGSTOP');
  try {
    const ready = await call('/readyz');
    expect([ready.status, ready.json]).toEqual([200, { status: 'degraded', degraded: ['gateway-access'] }]);
    const head = await call('/readyz', { method: 'HEAD' });
    expect([head.status, head.text, head.headers.get('cache-control')]).toEqual([200, '', 'no-store']);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await eventually(
    () => call('/readyz'),
    (ready) => ready.json?.status === 'ready',
    { timeoutMs: 20_000 },
  );
});

it('says what is degraded while no resolver answers', async () => {
  const pids = ['resolver-1', 'resolver-2'].map(pidOf);
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    // What gateway-access heard before holds for a second.
    await eventually(
      () => call('/readyz'),
      ({ status }) => status !== 200,
    );
    // At first they are still in rotation, then Envoy has taken them out.
    for (let times = 0; times < 5; times++) {
      const ready = await call('/readyz');
      expect([ready.status, ready.json.status]).toEqual([503, 'unavailable']);
      expect(ready.json.degraded).toEqual(expect.arrayContaining(['resolver-1', 'resolver-2']));
    }
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
  await eventually(
    () => call('/readyz'),
    (ready) => ready.json?.status === 'ready',
    { timeoutMs: 20_000 },
  );
});

describe.each(MAINS)('%s with a bad configuration', (main) => {
  it('refuses to start and lists every fault', () => {
    const env = {
      PATH: process.env.PATH,
      HOP_GRPC_ADDRESS: 'nowhere',
      HOP_METRICS_ADDRESS: '127.0.0.1:99999',
      HOP_LOG_LEVEL: 'loud',
    };
    const { status, stderr } = spawnSync(process.execPath, [main], { env, encoding: 'utf8', timeout: 20_000 });
    expect(status).toBe(78);
    for (const name of [
      'HOP_GRPC_ADDRESS',
      'HOP_METRICS_ADDRESS',
      'HOP_LOG_LEVEL',
      'HOP_SERVICE_KEY_FILE',
      'HOP_CALLER_KEYS_FILE',
    ])
      expect(stderr).toContain(name);
  });
});

it('runs no extension that Envoy marks work in progress', async () => {
  const admin = inject('meshPorts')['envoy-admin'];
  const stats = await (await fetch(`http://127.0.0.1:${admin}/stats?filter=^server.wip_protos$`)).text();
  expect(stats.trim()).toBe('server.wip_protos: 0');
});

it('shows what alerts wait for as 0 from the start', async () => {
  const ports = parts.flatMap((part) => inject('meshPorts')[`${part}-metrics`] ?? []);
  const page = async (port: number) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const lines = (await Promise.all(ports.map(page))).join('\n').split('\n');
  const series = (name: string, labels: object) => {
    const text = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return `${name}_total${text.length > 0 ? `{${text.join(',')}}` : ''} `;
  };
  const definitions: readonly MetricDefinition[] = Object.values(metric);
  const awaited = definitions.flatMap(({ name, zeros = [] }) => zeros.map((labels) => series(name, labels)));
  expect(awaited.length).toBeGreaterThan(0);
  expect(awaited.filter((one) => !lines.some((line) => line.startsWith(one)))).toEqual([]);
});

it("shows Prometheus the figures of the mesh's Envoy", async () => {
  const page = await (await fetch(`http://127.0.0.1:${inject('meshPorts')['envoy-stats']}/stats/prometheus`)).text();
  expect(page).toMatch(/^envoy_cluster_membership_healthy\{envoy_cluster_name="resolver"\} \d$/m);
});
