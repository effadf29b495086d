import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A TCP port of 127.0.0.1 that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return address.port;
}

interface WaitOptions {
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  /** What is waited for, for the message of the failure. */
  readonly what?: string;
}

/** Resolves with the first answer that is neither false, undefined nor null; a throw counts as not yet. */
export async function waitFor<Value>(
  condition: () => Value | Promise<Value>,
  { timeoutMs = 5_000, intervalMs = 20, what = 'the condition' }: WaitOptions = {},
): Promise<Value> {
  const end = Date.now() + timeoutMs;
  let fault: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== false && value !== undefined && value !== null) return value;
    } catch (error) {
      fault = error;
    }
    if (Date.now() >= end) throw new Error(`${what} did not come true in ${timeoutMs} ms.`, { cause: fault });
    await sleep(intervalMs);
  }
}
