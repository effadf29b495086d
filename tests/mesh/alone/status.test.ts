import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, inject, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { call, reasonOf } from '../../support/http.ts';
import { newLink, newPerson, type Person } from '../../support/people.ts';

interface Status {
  readonly state: string;
  readonly degraded: readonly string[];
  readonly tiers: readonly { tier: string; answers: number; answers_per_second: number; share: number }[];
  readonly processes: readonly {
    name: string;
    kind: string;
    answers: boolean;
    // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the contract promises, and fails where it is not there.
    status?: any;
  }[];
}

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

async function read(): Promise<Status> {
  const answer = await call('/api/v1/status', { token: ada.token });
  expect(answer.status, answer.text).toBe(200);
  return answer.json;
}
const processOf = (status: Status, name: string) => status.processes.find((process) => process.name === name);

it('is told to administrators alone', async () => {
  const stranger = await call('/api/v1/status');
  expect([stranger.status, reasonOf(stranger)]).toEqual([401, 'CREDENTIALS_MISSING']);
  const body = { name: 'reader', scopes: ['links:read', 'stats:read'] };
  const key = await call('/api/v1/api-keys', { token: ada.token, body });
  const reader = await call('/api/v1/status', { token: key.json.secret });
  expect([reader.status, reasonOf(reader)]).toEqual([403, 'SCOPE_MISSING']);
});

it('lists every process with what it says of itself, and no address', async () => {
  const { answer } = await eventually(read, ({ state }) => state === 'ready', { timeoutMs: 20_000, everyMs: 250 });
  const names = ['gateway-edge', 'gateway-access', 'resolver-1', 'resolver-2', 'link', 'identity', 'analytics'];
  expect(answer.processes.map(({ name, answers }) => [name, answers])).toEqual(names.map((name) => [name, true]));
  for (const { status } of answer.processes) expect(status).toMatchObject({ version: expect.any(String) });
  expect(processOf(answer, 'resolver-1')?.status).toMatchObject({
    watch: { age_seconds: expect.any(Number) },
    breakers: ['link', 'primary', 'redis', 'replica-1'].map((name) => ({ name, state: 'closed' })),
  });
  expect(processOf(answer, 'link')?.status.watch_subscribers).toBeGreaterThanOrEqual(3);
  expect(processOf(answer, 'analytics')?.status.kafka_consumer.lag_messages).toBeGreaterThanOrEqual(0);
  expect(JSON.stringify(answer)).not.toMatch(/127\.0\.0\.1|localhost|\[::1?\]/);
});

it('shows a link become hot: the hot set, the lease, the share of the edge', async () => {
  const edgeOf = (status: Status) => ({
    ...processOf(status, 'gateway-edge')?.status,
    answers: status.tiers[0]?.answers ?? 0,
  });
  const { code } = await newLink(ada);
  const before = edgeOf(await read());
  const follow = async () => {
    for (let times = 0; times < 20; times++) await call(`/${code}`);
    return edgeOf(await read());
  };
  const { answer } = await eventually(follow, ({ answers }) => answers >= before.answers + 20, { timeoutMs: 15_000 });
  expect(answer.hot_set).toMatchObject({ envoys: 1, rejections: before.hot_set.rejections });
  expect(answer.hot_set.promotions).toBeGreaterThan(before.hot_set.promotions);
  expect(answer.hot_set.entries).toBeGreaterThanOrEqual(1);
  expect(answer.hot_set.entries).toBeLessThanOrEqual(answer.hot_set.entry_capacity);
  expect(answer.lease).toMatchObject({ held: true });
  const { tiers } = await read();
  expect(tiers[0]).toMatchObject({ tier: 'edge', answers_per_second: expect.any(Number) });
  expect(tiers.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
});

it('shows a process that does not answer, and answers in time all the same', async () => {
  const pid = Number(readFileSync(path.join(inject('meshDir'), 'run', 'resolver-2.pid'), 'utf8'));
  process.kill(pid, 'SIGSTOP');
  try {
    const { answer } = await eventually(read, ({ degraded }) => degraded.includes('resolver-2'), { everyMs: 100 });
    expect(answer.state).toBe('degraded');
    expect(processOf(answer, 'resolver-2')).toMatchObject({ kind: 'resolver', answers: false });
    expect(processOf(answer, 'resolver-2')?.status).toBeUndefined();
    expect(processOf(answer, 'resolver-1')?.answers).toBe(true);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await eventually(read, ({ state }) => state === 'ready', { timeoutMs: 20_000, everyMs: 100 });
});
