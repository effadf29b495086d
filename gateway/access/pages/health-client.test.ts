import { createServer } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation, service as healthService } from 'grpc-health-check';
import { afterEach, expect, it } from 'vitest';
import { createEndpointFinder } from '../discovery.ts';
import { createPartFinder } from './health-client.ts';
import { createReadiness, type Part, type Report } from './readiness.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function healthServer(statuses: Record<string, 'SERVING' | 'NOT_SERVING'>, at = '127.0.0.1:0'): Promise<number> {
  const server = new Server();
  new HealthImplementation(statuses).addToServer(server);
  return listening(server, at);
}

function listening(server: Server, at: string): Promise<number> {
  closing.push(() => server.forceShutdown());
  return new Promise((resolve, reject) => {
    server.bindAsync(at, ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port)));
  });
}

const nobody = { 'gateway-edge': [], 'gateway-access': [], resolver: [], link: [], identity: [], analytics: [] };

async function reportOf(port: number): Promise<Report> {
  const parts = createPartFinder(createEndpointFinder({ ...nobody, link: [{ host: '127.0.0.1', port }] }));
  closing.push(parts.close);
  const [part] = await parts.find();
  return (part as Part).ask();
}

/** A port that takes connections and says nothing. */
async function silentPort(): Promise<number> {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  closing.push(() => silent.close());
  const address = silent.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

it('reports whether the process serves, and which dependencies do not answer', async () => {
  const port = await healthServer({
    '': 'SERVING',
    'hop.link.v1.LinkService': 'SERVING',
    'dependency/postgres': 'NOT_SERVING',
    'dependency/redis': 'SERVING',
  });
  expect(await reportOf(port)).toEqual({ isServing: true, brokenDependencies: ['postgres'] });
});

it('reports a process that is stopping', async () => {
  const port = await healthServer({ '': 'NOT_SERVING' });
  expect(await reportOf(port)).toEqual({ isServing: false, brokenDependencies: [] });
});

it('gives up on a process that takes connections and says nothing', async () => {
  await expect(reportOf(await silentPort())).rejects.toThrow();
});

// Only Linux has all of 127.0.0.0/8.
it.runIf(process.platform === 'linux')(
  'finds redirects working while one of the resolvers that a name stands for serves, whichever hangs',
  async () => {
    const hanging = new Server();
    hanging.addService(healthService, { List: () => {} });
    const port = await listening(hanging, '127.0.0.1:0');
    await healthServer({ '': 'SERVING' }, `127.0.0.2:${port}`);
    const resolver = [{ host: 'resolver', port }];
    const parts = createPartFinder(
      createEndpointFinder({ ...nobody, resolver }, async () => ['127.0.0.1', '127.0.0.2']),
    );
    closing.push(parts.close);
    expect(await createReadiness(parts)()).toEqual({ status: 'degraded', degraded: ['resolver-1'] });
  },
);
