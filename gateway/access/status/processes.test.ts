import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ProcessService } from '#gen/status/v1/process_service_pb.ts';
import type { Address } from '#runtime/config/config.ts';
import { service } from '#runtime/rpc/serve.ts';
import { startTestServer, type TestServer } from '#runtime/testing/test-server.ts';
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
  const find = createProcessFinder({ ...nobody, link: [link.address] }, issuer());
  const [before] = await find();
  expect([before?.kind, before?.name]).toEqual(['link', 'link']);
  expect((await before?.ask())?.instance).toBe('link-7d9f');
  const [after] = await find();
  expect(after?.name).toBe('link-7d9f');
});

it('gives up on a process that takes the connection and says nothing', async () => {
  const address = held.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const find = createProcessFinder({ ...nobody, identity: [{ host: '127.0.0.1', port: address.port }] }, issuer());
  const [process] = await find();
  await expect(process?.ask()).rejects.toThrow();
});

it('finds all that a name stands for, and a name that leads nowhere', async () => {
  const at = (host: string): Address => ({ host, port: 1 });
  const found: Readonly<Record<string, readonly string[]>> = {
    resolver: ['10.0.0.1', '10.0.0.2'],
    twice: ['10.0.0.1'],
  };
  const lookUp = async (host: string) => found[host] ?? Promise.reject(new Error('ENOTFOUND'));
  const configured = { ...nobody, resolver: [at('resolver'), at('twice')], link: [at('gone'), at('also-gone')] };
  const processes = await createProcessFinder(configured, issuer(), lookUp)();
  expect(processes.map(({ name }) => name)).toEqual(['resolver-1', 'resolver-2', 'link', 'link-2']);
});
