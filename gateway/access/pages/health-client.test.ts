import { createServer } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { afterEach, expect, it } from 'vitest';
import { healthPart } from './health-client.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function healthServer(statuses: Record<string, 'SERVING' | 'NOT_SERVING'>): Promise<number> {
  const server = new Server();
  new HealthImplementation(statuses).addToServer(server);
  closing.push(() => server.forceShutdown());
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
}

function partAt(port: number) {
  const part = healthPart('link', { host: '127.0.0.1', port });
  closing.push(part.close);
  return part;
}

it('reports whether the process serves, and which dependencies do not answer', async () => {
  const port = await healthServer({
    '': 'SERVING',
    'hop.link.v1.LinkService': 'SERVING',
    'dependency/postgres': 'NOT_SERVING',
    'dependency/redis': 'SERVING',
  });
  expect(await partAt(port).ask()).toEqual({ isServing: true, brokenDependencies: ['postgres'] });
});

it('reports a process that is stopping', async () => {
  const port = await healthServer({ '': 'NOT_SERVING' });
  expect(await partAt(port).ask()).toEqual({ isServing: false, brokenDependencies: [] });
});

it('gives up on a process that takes connections and says nothing', async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  closing.push(() => silent.close());
  const address = silent.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  await expect(partAt(address.port).ask()).rejects.toThrow();
});
