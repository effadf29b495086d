import { afterEach, expect, test } from 'vitest';
import { waitFor } from '../testing/wait-for.ts';
import { startWorkLoop, type WorkLoop } from './work-loop.ts';

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
