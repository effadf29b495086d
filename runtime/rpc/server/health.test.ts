import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { service as healthDefinition } from 'grpc-health-check';
import { afterEach, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../testing/test-server.ts';
import { waitFor } from '../../testing/wait-for.ts';
import type { Check } from './health.ts';

let server: TestServer | undefined;
afterEach(() => server?.stop());

type Ask = (name: string) => Promise<string>;

function asking(port: number): { ask: Ask; close(): void } {
  const { Health } = loadPackageDefinition({ Health: healthDefinition }) as unknown as {
    Health: new (
      at: string,
      by: unknown,
    ) => {
      check(request: object, done: (error: Error | null, answer?: { status: string }) => void): void;
      close(): void;
    };
  };
  const client = new Health(`127.0.0.1:${port}`, credentials.createInsecure());
  return {
    ask: (name) =>
      new Promise((resolve, reject) =>
        client.check({ service: name }, (error, answer) => (error ? reject(error) : resolve(answer?.status ?? ''))),
      ),
    close: () => client.close(),
  };
}

describe('health', () => {
  it('tells what the process depends on, beside whether it takes calls', async () => {
    const state = { works: true };
    const fickle: Check = async () => {
      if (!state.works) throw new Error('down');
    };
    const hangs: Check = () => new Promise(() => {});
    server = await startTestServer({ services: [], checks: { fickle, hangs }, checkEveryMs: 50 });
    const { ask, close } = asking(server.address.port);
    expect(await ask('')).toBe('SERVING');
    await waitFor(async () => (await ask('dependency/fickle')) === 'SERVING');
    state.works = false;
    await waitFor(async () => (await ask('dependency/fickle')) === 'NOT_SERVING');
    await waitFor(async () => (await ask('dependency/hangs')) === 'NOT_SERVING');
    expect(server.server.health.dependencies()).toEqual({ fickle: false, hangs: false });
    expect(await ask('')).toBe('SERVING');
    await expect(ask('unknown')).rejects.toThrow();
    server.server.health.set(false);
    expect(await ask('')).toBe('NOT_SERVING');
    close();
  });
});
