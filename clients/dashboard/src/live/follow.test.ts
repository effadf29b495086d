import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { follow, type StreamStatus } from './follow.ts';

const passing = new Error('passes');
const lasting = new Error('stays');
class Asking extends Error {
  readonly ms: number;
  constructor(ms: number) {
    super('asks to wait');
    this.ms = ms;
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Follows streams that are told what to do: numbers are events, errors end it, 'silence' says nothing more, 'pause' nothing for a while. */
function followed(...scripts: (number | Error | 'silence' | 'pause')[][]) {
  const events: number[] = [];
  const states: StreamStatus[] = [];
  const openedAt: number[] = [];
  const began = Date.now();
  const stop = follow<number>({
    async *open(signal) {
      const script = scripts[openedAt.length] ?? ['silence'];
      openedAt.push(Date.now() - began);
      for (const step of script) {
        if (step instanceof Error) throw step;
        if (step === 'pause') await new Promise((resolve) => setTimeout(resolve, 800));
        else if (step !== 'silence') yield step;
        else
          await new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(passing));
          });
      }
    },
    onEvent: (event) => events.push(event),
    onStatus: (status) => states.push(status),
    isPassing: (error) => error !== lasting,
    retryAfter: (error) => (error instanceof Asking ? error.ms : undefined),
    silenceMs: 1_000,
    random: () => 1,
  });
  return { events, states, openedAt, stop };
}

it('opens a stream that ended again, and says how it stands', async () => {
  const { events, states, openedAt, stop } = followed([1, 2], [3, 'silence']);
  await vi.advanceTimersByTimeAsync(300);
  expect([events, states]).toEqual([
    [1, 2, 3],
    ['connecting', 'live', 'connecting', 'live'],
  ]);
  expect(openedAt).toEqual([0, 250]);
  stop();
});

it('opens one that broke again, each time later, until one has lasted', async () => {
  const lived: [number, 'pause', number, 'pause', number, Error] = [1, 'pause', 2, 'pause', 3, passing];
  const { states, openedAt, stop } = followed([passing], [passing], [1, passing], lived, ['silence']);
  await vi.advanceTimersByTimeAsync(5_800);
  expect(openedAt).toEqual([0, 500, 1_500, 3_500, 5_600]);
  expect(states.slice(0, 3)).toEqual(['connecting', 'waiting', 'connecting']);
  stop();
});

it('opens one that ends as soon as it begins again, each time later', async () => {
  const { openedAt, stop } = followed([1], [2], [3], [4], ['silence']);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(openedAt).toEqual([0, 250, 750, 1_750, 3_750]);
  stop();
});

it.each([
  ['no time', 0, 500],
  ['a negative time', -5_000, 500],
  ['a time', 7_000, 7_500],
  ['a time that no timer can hold', 3e9, 3_600_500],
])('opens one that asks to wait for %s neither at once nor never', async (_, asked, openedAgainAt) => {
  const { openedAt, stop } = followed([new Asking(asked)], ['silence']);
  await vi.advanceTimersByTimeAsync(openedAgainAt + 100);
  expect(openedAt).toEqual([0, openedAgainAt]);
  stop();
});

it('takes one that says nothing for dead', async () => {
  const { openedAt, stop } = followed(['silence'], [1, 'silence']);
  await vi.advanceTimersByTimeAsync(1_600);
  expect(openedAt).toEqual([0, 1_500]);
  stop();
});

it('ends where another try is of no use', async () => {
  const { states, openedAt } = followed([1, lasting]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([states, openedAt]).toEqual([['connecting', 'live', 'ended'], [0]]);
});

it('tells nothing more once it is stopped', async () => {
  const { states, openedAt, stop } = followed([1, passing], [2]);
  await vi.advanceTimersByTimeAsync(100);
  stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([states, openedAt]).toEqual([['connecting', 'live', 'waiting'], [0]]);
});
