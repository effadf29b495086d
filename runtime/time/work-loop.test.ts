import { afterEach, expect, test } from 'vitest';
import { waitFor } from '../testing/wait-for.ts';
import { startWorkLoop, type WorkLoop, workThrough } from './work-loop.ts';

let loop: WorkLoop | undefined;
afterEach(() => loop?.stop());

const never = 3_600_000;

function start(work: (signal: AbortSignal) => Promise<void>, everyMs = never): unknown[] {
  const faults: unknown[] = [];
  loop = startWorkLoop({ work, everyMs, onFault: (error) => faults.push(error) });
  return faults;
}

test('it begins with a run, and has another when it is woken', async () => {
  let runs = 0;
  start(async () => void runs++);
  await waitFor(() => runs === 1);
  loop?.wake();
  await waitFor(() => runs === 2);
});

test('what is asked for during a run is done after it, and never beside it', async () => {
  let [runs, atOnce, most] = [0, 0, 0];
  start(async () => {
    most = Math.max(most, ++atOnce);
    await new Promise(setImmediate);
    if (++runs === 1) for (let times = 0; times < 3; times++) loop?.wake();
    await new Promise(setImmediate);
    atOnce--;
  });
  await waitFor(() => runs === 2);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([runs, most]).toEqual([2, 1]);
});

test('a run that fails is told of, and tried again after a while', async () => {
  let runs = 0;
  const faults = start(async () => {
    if (++runs === 1) throw new Error('away');
  }, 5);
  await waitFor(() => runs > 2);
  expect(faults).toEqual([new Error('away')]);
});

test('a stop ends the run that is under way, which is no fault', async () => {
  const faults = start(
    (signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  );
  await new Promise(setImmediate);
  await loop?.stop();
  expect(faults).toEqual([]);
});

test('tries each, whatever becomes of the others, and rejects with the first fault', async () => {
  const tried: number[] = [];
  const working = workThrough([1, 2, 3], new AbortController().signal, async (item) => {
    tried.push(item);
    if (item < 3) throw new Error(`fault ${item}`);
  });
  await expect(working).rejects.toThrow('fault 1');
  expect(tried).toEqual([1, 2, 3]);
});

test('begins no more once it is aborted', async () => {
  const stopping = new AbortController();
  const tried: number[] = [];
  const working = workThrough([1, 2], stopping.signal, async (item) => {
    tried.push(item);
    stopping.abort();
  });
  await expect(working).rejects.toThrow('aborted');
  expect(tried).toEqual([1]);
});
