import { setTimeout as sleep } from 'node:timers/promises';
import { Code, type HandlerContext } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { failure, raw, useEchoServer } from '../../testing/echo-server.ts';
import { EchoService } from '../../testing/echo-service.ts';
import { waitFor } from '../../testing/wait-for.ts';

const start = useEchoServer();

describe('deadlines', () => {
  it("answers before the caller's deadline, and tells the handler", async () => {
    let context: HandlerContext | undefined;
    const on = await start({
      async open(_, given) {
        context = given;
        await sleep(2_000, undefined, { signal: given.signal });
        return { text: 'late' };
      },
    });
    const { status } = await raw(on, 'Open', Buffer.alloc(0), 500);
    expect(status.code).toBe(Code.DeadlineExceeded);
    expect(status.metadata.get('grpc-status-details-bin')).toHaveLength(1);
    expect(context?.signal.aborted).toBe(true);
  });

  it('sets a deadline where the caller names none, and caps a long one', async () => {
    const left: (number | undefined)[] = [];
    const on = await start({
      open(_, context) {
        left.push(context.timeoutMs());
        return { text: '' };
      },
    });
    await on.client(EchoService).open({});
    await on.client(EchoService).open({}, { timeoutMs: 600_000 });
    expect(left[0]).toBeGreaterThan(3_000);
    expect(left[0]).toBeLessThanOrEqual(5_000);
    expect(left[1]).toBeGreaterThan(20_000);
    expect(left[1]).toBeLessThanOrEqual(30_000);
  });

  it('tells the handler that the caller went away', async () => {
    let signal: AbortSignal | undefined;
    const on = await start({
      async open(_, context) {
        signal = context.signal;
        await sleep(5_000, undefined, { signal });
        return { text: '' };
      },
    });
    const controller = new AbortController();
    const call = failure(on.client(EchoService).open({}, { signal: controller.signal }));
    await waitFor(() => signal);
    controller.abort();
    expect((await call).code).toBe(Code.Canceled);
    await waitFor(() => signal?.aborted);
  });
});
