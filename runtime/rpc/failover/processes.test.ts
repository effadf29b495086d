import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Address } from '../../config/config.ts';
import { waitFor } from '../../testing/wait-for.ts';
import { createProcesses } from './processes.ts';

const port = 50_051;
const at = (host: string): Address => ({ host, port });

/** The processes that a name stands for, as a cluster would say; undefined: it says nothing. */
function naming(first: readonly string[] | undefined) {
  const state = { hosts: first, asked: 0, now: 0, told: [] as string[][] };
  const processes = createProcesses({
    addresses: [at('link.mesh')],
    find: async () => {
      state.asked++;
      if (state.hosts === undefined) throw new Error('no answer');
      return state.hosts.map(at);
    },
    moved: (all) => void state.told.push(all.map(({ host }) => host)),
    now: () => state.now,
  });
  return { state, ...processes };
}

test('a name is all processes that it stands for, and is looked up again every five seconds, when it is called', async () => {
  const { state, refresh } = naming(['10.0.0.1', '10.0.0.2']);
  for (let call = 0; call < 100; call++) refresh();
  await waitFor(() => state.told.length === 1);
  expect([state.told, state.asked]).toEqual([[['10.0.0.1', '10.0.0.2']], 1]);
  state.hosts = ['10.0.0.2', '10.0.0.3'];
  state.now = 4_999;
  refresh();
  state.now = 5_000;
  for (let call = 0; call < 100; call++) refresh();
  await waitFor(() => state.told.length === 2);
  expect([state.told[1], state.asked]).toEqual([['10.0.0.2', '10.0.0.3'], 2]);
});

test('nothing is told while nothing has changed, or the name cannot be looked up', async () => {
  const { state, refresh } = naming(['10.0.0.1', '10.0.0.2']);
  refresh();
  await waitFor(() => state.told.length === 1);
  for (const hosts of [state.hosts, undefined, ['10.0.0.1']]) {
    state.hosts = hosts;
    state.now += 5_000;
    const before = state.asked;
    refresh();
    await waitFor(() => state.asked > before);
    // Two looks are never under way at once: the next one begins when this one is over.
    await setImmediate();
  }
  expect(state.told).toEqual([['10.0.0.1', '10.0.0.2'], ['10.0.0.1']]);
});

test('a process that is not where it was has names looked up within a second', async () => {
  const { state, refresh, doubt } = naming(['10.0.0.1']);
  refresh();
  await waitFor(() => state.told.length === 1);
  state.now = 2_000;
  doubt();
  refresh();
  expect(state.asked).toBe(1);
  state.now = 3_000;
  doubt();
  refresh();
  expect(state.asked).toBe(2);
});

test('an address is what it is; a name of this machine alone is looked up, and stays one process', async () => {
  const told: unknown[] = [];
  const addresses = [at('127.0.0.1'), at('::1')];
  let asked = 0;
  const find = async (address: Address) => {
    asked++;
    return [address];
  };
  createProcesses({ addresses, find, moved: (all) => void told.push(all) }).refresh();
  expect(asked).toBe(0);
  const { refresh } = createProcesses({ addresses: [at('localhost')], moved: (all) => void told.push(all) });
  refresh();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(told).toEqual([]);
});
