import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { EchoService } from '../testing/echo-service.ts';
import { testKeys } from '../testing/keys.ts';
import { startTestServer } from '../testing/test-server.ts';
import { meshClient } from './client.ts';
import { service } from './endpoint.ts';

const messages = 20_000;
const messageBytes = 1_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes that are still used when all that nobody holds is gone. */
function heldBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

// A watch lives as long as its process: what it keeps of each message is there to stay. The client of Connect 2.3 keeps all of it.
it('keeps nothing of the messages of a stream that goes on', async () => {
  const keys = testKeys();
  const echo = ({ text }: { text: string }) => ({ text });
  async function* tail(_: unknown, { signal }: { signal: AbortSignal }) {
    for (let number = 0; number < messages; number++) yield { text: `${number}`.padEnd(messageBytes, '.') };
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  }
  const rest = { open: echo, anonymous: echo, team: echo, person: echo, internal: echo };
  const server = await startTestServer({
    keys,
    services: [service(EchoService, { ...rest, tail, chat: async function* () {} })],
  });
  const client = meshClient(EchoService, {
    addresses: [server.address],
    issuer: keys.identity('link'),
    deadlineMs: 2_000,
  });
  const leaving = new AbortController();
  try {
    let seen = 0;
    let heldAtFirst = 0;
    let grown = Number.NaN;
    for await (const { text } of client.tail({}, { signal: leaving.signal })) {
      expect(text).toHaveLength(messageBytes);
      seen++;
      if (seen === messages / 10) heldAtFirst = heldBytes();
      if (seen < messages) continue;
      // While it goes on: who leaves a stream lets go of all.
      grown = heldBytes() - heldAtFirst;
      break;
    }
    expect(grown / (0.9 * messages * messageBytes)).toBeLessThan(0.2);
  } finally {
    leaving.abort();
    await server.stop();
  }
});
