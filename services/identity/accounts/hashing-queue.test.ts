import { expect, it } from 'vitest';
import { HopError, limited } from '#runtime/errors/errors.ts';
import { startMetrics } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { createHashingQueue } from './hashing-queue.ts';

function gate(): { job: () => Promise<number>; open: () => void } {
  let open = (): void => {};
  const opened = new Promise<number>((resolve) => {
    open = () => resolve(1);
  });
  return { job: () => opened, open };
}

it('runs so many at once, keeps so many waiting, and refuses the next with a time to come back', async () => {
  const queue = createHashingQueue({ concurrency: 2, limit: 3 });
  let running = 0;
  let most = 0;
  const { job, open } = gate();
  const counted = async (): Promise<number> => {
    running += 1;
    most = Math.max(most, running);
    const value = await job();
    running -= 1;
    return value;
  };
  const accepted = Array.from({ length: 5 }, () => queue.run(counted));
  expect(queue.waiting).toBe(3);
  await expect(queue.run(counted)).rejects.toMatchObject({
    kind: 'unavailable',
    reason: 'OVERLOADED',
    retryAfterMs: 1_000,
  });
  open();
  expect(await Promise.all(accepted)).toEqual([1, 1, 1, 1, 1]);
  expect(most).toBe(2);
  expect(queue.waiting).toBe(0);
});

it('counts what it sheds, but not what it refuses in its own way', async () => {
  const metrics = await startMetrics({ instance: 'identity', metricsAddress: { host: '127.0.0.1', port: 0 } });
  const { job, open } = gate();
  const refusal = (retryMs: number) => limited('RATE_LIMITED', 'No.', retryMs);
  const queues = [{}, { refusal }].map((own) => createHashingQueue({ concurrency: 1, limit: 0, ...own }));
  const accepted = queues.map((queue) => queue.run(job));
  const kindOf = (error: unknown) => error instanceof HopError && error.kind;
  const refused = queues.map((queue) => queue.run(job).catch(kindOf));
  expect(await Promise.all(refused)).toEqual(['unavailable', 'limited']);
  expect((await metrics.read()).sum(metric.passwordsShed)).toBe(1);
  open();
  await Promise.all(accepted);
  await metrics.stop();
});

it('gives the place of a failed job to the next', async () => {
  const queue = createHashingQueue({ concurrency: 1, limit: 1 });
  const failing = queue.run(() => Promise.reject(new Error('no memory')));
  const next = queue.run(async () => 'done');
  await expect(failing).rejects.toThrow('no memory');
  expect(await next).toBe('done');
});

it('lets go of a caller who went away while waiting', async () => {
  const queue = createHashingQueue({ concurrency: 1, limit: 1 });
  const { job, open } = gate();
  const first = queue.run(job);
  const controller = new AbortController();
  const second = queue.run(job, controller.signal);
  controller.abort();
  await expect(second).rejects.toMatchObject({ kind: 'canceled' });
  expect(queue.waiting).toBe(0);
  open();
  await first;
  expect(await queue.run(async () => 2)).toBe(2);
});
