import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { notFound } from '../../errors/errors.ts';
import { failure, reasonOf, useEchoServer } from '../../testing/echo-server.ts';
import { EchoService } from '../../testing/echo-service.ts';
import { waitFor } from '../../testing/wait-for.ts';

const start = useEchoServer();

describe('streams', () => {
  it('sends what is yielded, and an error after it', async () => {
    const on = await start({
      async *tail({ text }) {
        yield { text };
        throw notFound('LINK_NOT_FOUND', 'Gone.');
      },
    });
    const got: string[] = [];
    const error = await failure(
      (async () => {
        for await (const { text } of on.client(EchoService).tail({ text: 'x' })) got.push(text);
      })(),
    );
    expect([got, error.code, reasonOf(error)]).toEqual([['x'], Code.NotFound, 'LINK_NOT_FOUND']);
  });

  it('yields no faster than the other side reads, and ends when it leaves', async () => {
    let yielded = 0;
    let ended = false;
    const text = 'x'.repeat(64_000);
    const on = await start({
      async *tail() {
        try {
          for (;;) {
            yielded++;
            yield { text };
          }
        } finally {
          ended = true;
        }
      },
    });
    const controller = new AbortController();
    const stream = on.client(EchoService).tail({}, { signal: controller.signal })[Symbol.asyncIterator]();
    await stream.next();
    await sleep(300);
    const held = yielded;
    expect(held).toBeLessThan(200);
    await sleep(200);
    expect(yielded).toBe(held);
    controller.abort();
    await waitFor(() => ended);
  });

  it('ends a waiting stream when the caller leaves, and on shutdown', async () => {
    const reasons: unknown[] = [];
    let started = 0;
    const on = await start({
      async *tail(_, { signal }) {
        started++;
        await sleep(60_000, undefined, { signal }).catch(() => reasons.push(signal.reason));
      },
    });
    const controller = new AbortController();
    const read = async (signal?: AbortSignal): Promise<void> => {
      for await (const _ of on.client(EchoService).tail({}, signal ? { signal } : {})) throw new Error('unexpected');
    };
    const left = failure(read(controller.signal));
    const kept = failure(read());
    await waitFor(() => started === 2);
    expect(reasons).toEqual([]);
    controller.abort();
    expect((await left).code).toBe(Code.Canceled);
    await waitFor(() => reasons.length === 1);
    const stopped = on.server.stop(2_000);
    expect(reasonOf(await kept)).toBe('SHUTTING_DOWN');
    await stopped;
    expect(reasons).toHaveLength(2);
  });

  it('talks both ways', async () => {
    const on = await start();
    const got: string[] = [];
    const requests = (async function* () {
      yield { text: 'a' };
      await sleep(20);
      yield { text: 'b' };
    })();
    for await (const { text } of on.client(EchoService).chat(requests)) got.push(text);
    expect(got).toEqual(['A', 'B']);
  });

  it('ends both ways when the caller leaves', async () => {
    let ended = false;
    const on = await start({
      async *chat(requests) {
        try {
          for await (const { text } of requests) yield { text };
        } finally {
          ended = true;
        }
      },
    });
    const controller = new AbortController();
    const requests = (async function* () {
      yield { text: 'a' };
      await sleep(60_000, undefined, { signal: controller.signal });
    })();
    const error = await failure(
      (async () => {
        for await (const _ of on.client(EchoService).chat(requests, { signal: controller.signal })) controller.abort();
      })(),
    );
    expect(error.code).toBe(Code.Canceled);
    await waitFor(() => ended);
  });
});
