import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { batched } from './batching.ts';

/** A store that answers when the test says so. */
function heldStore(limits: Partial<Parameters<typeof batched>[1]> = {}) {
  const asked: { readonly keys: readonly string[]; answer(): void; fail(error: Error): void }[] = [];
  const find = batched(
    (keys: readonly string[]) => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
      asked.push({ keys, answer: () => resolve(keys.map((key) => key.toUpperCase())), fail: reject });
      return promise;
    },
    { name: 'store', most: 3, underWay: 2, maxWaiting: 4, patienceMs: 60_000, ...limits },
  );
  return { asked, find, keys: () => asked.map(({ keys }) => keys) };
}

it('asks once for what is asked in one turn, and gives each its own answer', async () => {
  const { asked, find } = heldStore();
  const answers = Promise.all([find('a'), find('b')]);
  expect(asked).toEqual([]);
  await turn();
  expect(asked.map(({ keys }) => keys)).toEqual([['a', 'b']]);
  asked[0]?.answer();
  expect(await answers).toEqual(['A', 'B']);
});

it('asks for a few keys at a time, a few times at once, and for the others as soon as one has answered', async () => {
  const { asked, find, keys } = heldStore({ most: 2, maxWaiting: 10 });
  const answers = Promise.all(['a', 'b', 'c', 'd', 'e'].map(find));
  await turn();
  expect(keys()).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ]);
  const late = find('f');
  await turn();
  expect(asked).toHaveLength(2);
  asked[1]?.answer();
  await turn();
  await turn();
  expect(keys()[2]).toEqual(['e', 'f']);
  for (const { answer } of asked) answer();
  expect(await answers).toEqual(['A', 'B', 'C', 'D', 'E']);
  expect(await late).toBe('F');
});

it('fails all of a question together, and goes on', async () => {
  const { asked, find } = heldStore();
  const both = Promise.allSettled([find('a'), find('b')]);
  await turn();
  asked[0]?.fail(new Error('gone'));
  expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const next = find('c');
  await turn();
  asked[1]?.answer();
  expect(await next).toBe('C');
});

it('refuses what would wait behind too many', async () => {
  const { asked, find } = heldStore({ most: 1, underWay: 1, maxWaiting: 2 });
  const first = find('a');
  await turn();
  const waiting = [find('b'), find('c')];
  await expect(find('d')).rejects.toThrow('store is asked for too much at once');
  for (let at = 0; at < 3; at++) {
    asked[at]?.answer();
    await turn();
    await turn();
  }
  expect(await Promise.all([first, ...waiting])).toEqual(['A', 'B', 'C']);
});

it('does not ask for what nobody waits for any more', async () => {
  const { asked, find, keys } = heldStore({ most: 1, underWay: 1, patienceMs: 20 });
  const first = find('a');
  await turn();
  const late = find('b');
  const refused = expect(late).rejects.toThrow('store is asked for too much at once');
  await pause(30);
  const next = find('c');
  asked[0]?.answer();
  await refused;
  await turn();
  expect(keys()).toEqual([['a'], ['c']]);
  asked[1]?.answer();
  expect(await Promise.all([first, next])).toEqual(['A', 'C']);
});
