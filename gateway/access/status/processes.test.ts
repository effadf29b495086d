import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ProcessService } from '#gen/status/v1/process_service_pb.ts';
import { service } from '#runtime/rpc/serve.ts';
import { startTestServer, type TestServer } from '#runtime/testing/test-server.ts';
import { createEndpointFinder } from '../discovery.ts';
import { createProcessFinder } from './processes.ts';

let link: TestServer;
let held: Server;
beforeAll(async () => {
  link = await startTestServer({
    services: [service(ProcessService, { getProcessStatus: () => ({ instance: 'link-7d9f' }) })],
  });
  held = createServer(() => {});
  await new Promise<void>((resolve) => held.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  held.close();
  await link.stop();
});

const nobody = { 'gateway-edge': [], 'gateway-access': [], resolver: [], link: [], identity: [], analytics: [] };
const issuer = () => link.keys.identity('gateway-access');

it('asks a process that calls itself something, and remembers it by that', async () => {
  const find = createProcessFinder(createEndpointFinder({ ...nobody, link: [link.address] }), issuer());
  const [before] = await find();
  expect([before?.kind, before?.name]).toEqual(['link', 'link']);
  expect((await before?.ask())?.instance).toBe('link-7d9f');
  const [after] = await find();
  expect(after?.name).toBe('link-7d9f');
});

it('gives up on a process that takes the connection and says nothing', async () => {
  const address = held.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const endpoints = createEndpointFinder({ ...nobody, identity: [{ host: '127.0.0.1', port: address.port }] });
  const find = createProcessFinder(endpoints, issuer());
  const [process] = await find();
  await expect(process?.ask()).rejects.toThrow();
});
