import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterEach, expect, it, vi } from 'vitest';
import { ProcessStatusSchema } from '#gen/status/v1/process_status_pb.ts';
import { createMeshStatus, type Kind, type Process } from './mesh-status.ts';

type StatusInit = Exclude<MessageInitShape<typeof ProcessStatusSchema>, { readonly $typeName: string }>;

const answering = (kind: Kind, instance: string, status: StatusInit = {}): Process => ({
  name: 'not asked yet',
  kind,
  ask: async () => create(ProcessStatusSchema, { instance, ...status }),
});
const silent = (kind: Kind, name: string): Process => ({ name, kind, ask: () => Promise.reject(new Error('late')) });
afterEach(() => void vi.useRealTimers());

const read = (...processes: Process[]) => createMeshStatus({ find: async () => processes })();
const up = { name: 'postgres', up: true };

it('lists every process, those that say nothing as well, in the order of their kinds and numbers', async () => {
  const { processes, state, degraded } = await read(
    answering('link', 'link', { dependencies: [up] }),
    answering('resolver', 'resolver-10'),
    silent('resolver', 'resolver-2'),
    answering('gateway-edge', 'gateway-edge'),
  );
  expect(processes?.map(({ name, answers }) => [name, answers])).toEqual([
    ['gateway-edge', true],
    ['resolver-2', false],
    ['resolver-10', true],
    ['link', true],
  ]);
  expect(processes?.[1]).not.toHaveProperty('status');
  expect([state, degraded]).toEqual(['degraded', ['resolver-2']]);
});

it('names what is wrong once: dependencies that are down, breakers that are not closed', async () => {
  const { state, degraded } = await read(
    answering('resolver', 'resolver-1', {
      dependencies: [{ name: 'redis', up: false }, up],
      breakers: [
        { name: 'redis', state: 'open' },
        { name: 'primary', state: 'half_open' },
        { name: 'replica-1', state: 'closed' },
      ],
    }),
  );
  expect([state, degraded]).toEqual(['degraded', ['resolver-1/primary', 'resolver-1/redis']]);
});

it('is ready when all is well, and unavailable when no resolver answers', async () => {
  expect((await read(answering('resolver', 'resolver-1'))).state).toBe('ready');
  expect((await read(answering('link', 'link'), silent('resolver', 'resolver-1'))).state).toBe('unavailable');
});

it('adds up the tiers of all processes, and tells the share of each', async () => {
  const tier = (name: string, answersPerSecond: number) => ({ tier: name, answers: 10, answersPerSecond });
  const { tiers } = await read(
    answering('gateway-edge', 'gateway-edge', { tiers: [tier('edge', 60)] }),
    answering('gateway-edge', 'gateway-edge-2', { tiers: [tier('edge', 30)] }),
    answering('resolver', 'resolver-1', { tiers: [tier('l1', 10)] }),
  );
  expect(tiers?.map(({ tier: name, share, answers }) => [name, share, answers])).toEqual([
    ['edge', 0.9, 20],
    ['l1', 0.1, 10],
    ...['redis', 'replica', 'primary', 'filter', 'none'].map((name) => [name, 0, 0]),
  ]);
});

it('asks once for all who come within the time that an answer is kept', async () => {
  let [time, rounds] = [0, 0];
  const find = async () => {
    rounds++;
    return [answering('resolver', 'resolver-1')];
  };
  const status = createMeshStatus({ find, maxAgeMs: 1_000, now: () => time });
  await Promise.all([status(), status()]);
  time = 999;
  await status();
  expect(rounds).toBe(1);
  time = 1_000;
  await status();
  expect(rounds).toBe(2);
});

it('keeps an answer no longer because the clock was set back', async () => {
  vi.useFakeTimers();
  const processes = [answering('resolver', 'resolver-1')];
  const status = createMeshStatus({ find: async () => processes });
  expect((await status()).state).toBe('ready');
  processes.pop();
  vi.setSystemTime(Date.now() - 3_600_000);
  vi.advanceTimersByTime(1_001);
  expect((await status()).state).toBe('unavailable');
});

it('asks no more processes than it lists', async () => {
  const crowd = Array.from({ length: 300 }, (_, n) => answering('resolver', `resolver-${n}`));
  const { processes, unlistedProcesses } = await read(...crowd);
  expect([processes?.length, unlistedProcesses]).toEqual([256, 44]);
});
