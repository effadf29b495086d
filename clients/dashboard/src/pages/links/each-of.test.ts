import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { RetryInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { eachOf } from './each-of.ts';

beforeAll(() => void vi.stubGlobal('navigator', { onLine: true }));
afterAll(() => void vi.unstubAllGlobals());

const limited = () =>
  new ConnectError('Too many.', Code.ResourceExhausted, undefined, [
    { desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay: { seconds: 7n } }) },
  ]);
const numbers = Array.from({ length: 100 }, (_, at) => at);

it('runs a call for each, a few at once, and says how many are done', async () => {
  let running = 0;
  let most = 0;
  const seen: number[] = [];
  const call = async (item: number) => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    seen.push(item);
    running -= 1;
  };
  const told: number[] = [];
  expect(await eachOf(numbers, call, { onDone: (done) => told.push(done) })).toEqual(new Map());
  expect([seen.toSorted((a, b) => a - b), most, told.at(-1)]).toEqual([numbers, 6, 100]);
});

it('waits as long as the mesh asks for, once for all, and goes on', async () => {
  let left = 10;
  const waits: number[] = [];
  const wait = async (ms: number) => {
    waits.push(ms);
    left = 1_000;
  };
  const call = async () => {
    if (left-- <= 0) throw limited();
  };
  expect(await eachOf(numbers, call, { wait })).toEqual(new Map());
  expect(waits).toEqual([7_000]);
});

it('answers what failed, at once where time would not help, else after some tries', async () => {
  const refused = new ConnectError('No.', Code.NotFound);
  let calls = 0;
  const call = async (item: number) => {
    calls += 1;
    if (item === 3) throw refused;
    if (item === 5) throw limited();
  };
  const failures = await eachOf(numbers, call, { wait: async () => {} });
  expect([...failures.keys()].toSorted()).toEqual([3, 5]);
  expect(failures.get(3)).toBe(refused);
  expect(calls).toBe(104);
});
