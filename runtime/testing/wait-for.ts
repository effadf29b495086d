import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Below what the system gives to outgoing connections (from 32768 on Linux, 49152 on macOS), where a port that was free a
 * moment ago may be some client's by now; above the ports of the test meshes.
 */
const [lowestPort, highestPort] = [22_000, 32_000];
const given = new Set<number>();

/** A TCP port of 127.0.0.1 that nothing listens on, and that this process was not given before. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(lowestPort, highestPort);
    if (given.has(port) || !(await canListen(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`No free port was found from ${lowestPort} to ${highestPort}.`);
}

function canListen(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
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
