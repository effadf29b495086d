import { expect, it } from 'vitest';
import type { Address } from '#runtime/config/config.ts';
import { createEndpointFinder, type Endpoint, keepClients } from './discovery.ts';

const nobody = { 'gateway-edge': [], 'gateway-access': [], resolver: [], link: [], identity: [], analytics: [] };
const at = (host: string): Address => ({ host, port: 1 });
const noSuchName = () => Promise.reject(new Error('ENOTFOUND'));

it('finds all that a name stands for, and a name that leads nowhere', async () => {
  const found: Readonly<Record<string, readonly string[]>> = {
    resolver: ['10.0.0.1', '10.0.0.2'],
    twice: ['10.0.0.1'],
  };
  const lookUp = async (host: string) => found[host] ?? noSuchName();
  const configured = { ...nobody, resolver: [at('resolver'), at('twice')], link: [at('gone'), at('also-gone')] };
  const endpoints = await createEndpointFinder(configured, lookUp)();
  expect(endpoints.map(({ name }) => name)).toEqual(['resolver-1', 'resolver-2', 'link', 'link-2']);
});

it('leaves them where they were while the name cannot be looked up', async () => {
  let lookUp: () => Promise<readonly string[]> = async () => ['10.0.0.1', '10.0.0.2'];
  const find = createEndpointFinder({ ...nobody, resolver: [at('resolver')] }, () => lookUp());
  const before = await find();
  lookUp = noSuchName;
  expect(await find()).toEqual(before);
  lookUp = async () => ['10.0.0.3'];
  expect((await find()).map(({ address }) => address.host)).toEqual(['10.0.0.3']);
});

it('has one look-up of a name under way, however long it takes, and leaves them where they were meanwhile', async () => {
  const slow = Promise.withResolvers<readonly string[]>();
  const answers = [Promise.resolve(['10.0.0.1', '10.0.0.2']), slow.promise];
  let asked = 0;
  const lookUp = () => answers[asked++] ?? noSuchName();
  const find = createEndpointFinder({ ...nobody, resolver: [at('mesh')], link: [at('mesh')] }, lookUp);
  const before = await find();
  for (let round = 0; round < 3; round++) expect(await find()).toEqual(before);
  expect(asked).toBe(2);
  slow.resolve(['10.0.0.3']);
  expect((await find()).map(({ address }) => address.host)).toEqual(['10.0.0.3', '10.0.0.3']);
});

it('keeps one client for an endpoint as long as it is there', () => {
  const gone: string[] = [];
  const clientsOf = keepClients(
    ({ host }) => ({ host }),
    ({ host }) => void gone.push(host),
  );
  const endpoint = (host: string): Endpoint => ({ kind: 'link', name: 'link', address: at(host) });
  const [first] = clientsOf([endpoint('10.0.0.1'), endpoint('10.0.0.2')]);
  const [again] = clientsOf([endpoint('10.0.0.1')]);
  expect([again?.[1] === first?.[1], gone]).toEqual([true, ['10.0.0.2']]);
  clientsOf([]);
  expect(gone).toEqual(['10.0.0.2', '10.0.0.1']);
});
