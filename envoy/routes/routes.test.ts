import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Exposure } from '#gen/options/v1/access_pb.ts';
import { type Binding, type Rpc, readContract } from '#runtime/contract/contract.ts';
import { parsePathTemplate } from '#runtime/contract/path-template.ts';
import type { JsonObject } from '../json.ts';
import { descriptorPath } from '../testing/door.ts';
import { buildRoutes, type Door } from './routes.ts';

const contract = readContract(readFileSync(descriptorPath));
const everything: Door = { teams: false, api: true, links: true };
const authorize = 'envoy.filters.http.ext_authz';

interface Route {
  readonly name: string;
  readonly match: {
    readonly path?: string;
    readonly prefix?: string;
    readonly safe_regex?: { readonly regex: string };
  };
  readonly route?: { readonly cluster: string; readonly retry_policy?: JsonObject };
  readonly typed_per_filter_config: Readonly<Record<string, JsonObject>>;
}
const routesOf = (rpcs: readonly Rpc[], door = everything) => buildRoutes(rpcs, door) as unknown as Route[];

/** An RPC that stands for any other of its exposure. */
function rpc(name: string, exposure: Exposure, ...paths: string[]): Rpc {
  const [example] = contract;
  if (!example) throw new Error('The contract is empty.');
  const bindings = paths.map((text): Binding => {
    const [verb = '', path = ''] = text.split(' ');
    return { verb, path: parsePathTemplate(path), body: '' };
  });
  return {
    ...example,
    name: `hop.link.v1.LinkService/${name}`,
    service: 'hop.link.v1.LinkService',
    exposure,
    bindings,
  };
}

describe('the routes of the contract', () => {
  const routes = routesOf(contract);

  test('call no RPC that is INTERNAL', () => {
    const internal = contract.filter(({ exposure }) => exposure === Exposure.INTERNAL).map(({ name }) => name);
    expect(internal).toContain('hop.link.v1.LinkService/Watch');
    expect(routes.filter(({ name }) => internal.includes(name))).toEqual([]);
  });

  test('have credentials checked wherever a service is called, but for pages and redirects', () => {
    const exposures = new Map(contract.map(({ name, exposure }) => [name, exposure]));
    for (const { name, route, typed_per_filter_config: filters } of routes) {
      const check = filters[authorize] ?? {};
      if (route && exposures.get(name) === Exposure.PUBLIC)
        expect(check).toMatchObject({ check_settings: { context_extensions: { rpc: name } } });
      else expect([name, check.disabled]).toEqual([name, true]);
    }
  });

  test('name as anonymous what the contract says is', () => {
    const anonymous = routes
      .filter(({ typed_per_filter_config: filters }) => JSON.stringify(filters).includes('"anonymous":"true"'))
      .map(({ name }) => name);
    const expected = contract.filter((each) => each.anonymous).map(({ name }) => name);
    expect([...new Set(anonymous)].sort()).toEqual(expected.sort());
  });

  test('reach every PUBLIC RPC by gRPC, and by REST where it has a path', () => {
    for (const each of contract.filter(({ exposure }) => exposure === Exposure.PUBLIC)) {
      const own = routes.filter(({ name }) => name === each.name);
      expect(own.filter(({ match }) => match.path === `/${each.name}`)).toHaveLength(1);
      // What can be asked by GET can be by HEAD.
      const reads = each.bindings.filter(({ verb }) => verb === 'GET');
      expect(own).toHaveLength(1 + each.bindings.length + reads.length);
    }
  });

  test('try the redirect after a handful of exact paths, and gRPC and the API after it', () => {
    const first = (name: string) => routes.findIndex((route) => route.name === name);
    const redirect = first('hop.resolver.v1.ResolverService/Redirect');
    expect(redirect).toBeLessThan(11);
    expect(first('malformed-host')).toBe(0);
    expect(routes.slice(1, redirect).every(({ match }) => match.path !== undefined)).toBe(true);
    expect(redirect).toBeLessThan(first('grpc-unlisted'));
    expect(first('grpc-unlisted')).toBeLessThan(first('malformed-path'));
    expect(first('malformed-path')).toBeLessThan(routes.findIndex(({ match }) => match.path === '/api/v1/urls'));
    expect(first('api-unknown')).toBeLessThan(
      routes.findLastIndex(({ name }) => name === 'hop.pages.v1.PagesService/GetPage'),
    );
    expect(routes.at(-1)?.name).toBe('unknown');
  });

  test('send again what never reached a service, and what a dying one left unanswered only where it reads', () => {
    for (const { name, route } of routes.filter((each) => each.route)) {
      const causes = String(route?.retry_policy?.retry_on).split(',');
      expect(causes, name).toEqual(expect.arrayContaining(['connect-failure', 'refused-stream']));
      expect([name, causes.includes('reset')]).toEqual([name, /\/(Get|LookUp|List|Redirect)/.test(name)]);
    }
  });

  test('of hosts that serve only links have no API, and the other way round', () => {
    const links = routesOf(contract, { teams: false, api: false, links: true });
    expect(links.filter(({ route }) => route).map(({ route }) => route?.cluster)).not.toContain('link');
    expect(links.map(({ name }) => name)).toContain('api-unknown');
    const api = routesOf(contract, { teams: false, api: true, links: false });
    expect(api.filter(({ route }) => route?.cluster === 'resolver')).toEqual([]);
  });

  test('have no dashboard where there is no API', () => {
    const dashboard = (door: Door) => routesOf(contract, door).find(({ name }) => name === 'no-dashboard');
    expect(dashboard({ teams: false, api: true, links: true })).toBeUndefined();
    const links = { teams: false, api: false, links: true };
    expect(dashboard(links)?.match).toMatchObject({ path_separated_prefix: '/app' });
    expect(routesOf(contract, links).findIndex(({ name }) => name === 'no-dashboard')).toBeLessThan(
      routesOf(contract, links).findIndex(({ route }) => route !== undefined),
    );
  });

  test('have the pages about the API before its 404, and only where the API is', () => {
    const at = (list: readonly Route[], path: string) => list.findIndex(({ match }) => match.path === path);
    const unknown = routes.findIndex(({ name }) => name === 'api-unknown');
    for (const path of ['/api/docs', '/api/openapi.json']) {
      expect(at(routes, path)).toBeGreaterThan(routes.findIndex(({ name }) => name === 'malformed-query'));
      expect(at(routes, path)).toBeLessThan(unknown);
      expect(routes[at(routes, path)]?.route?.cluster).toBe('pages');
      expect(at(routesOf(contract, { teams: false, api: false, links: true }), path)).toBe(-1);
    }
  });

  test('of the internal listener add what teams may call, and nothing else', () => {
    const names = (door: Door) => new Set(routesOf(contract, door).flatMap(({ name, route }) => (route ? [name] : [])));
    const teams = names({ teams: true, api: true, links: false });
    const api = names({ teams: false, api: true, links: false });
    expect([...teams].filter((name) => !api.has(name))).toEqual(['hop.resolver.v1.ResolverService/Resolve']);
  });
});

describe('a contract that cannot be routed is refused', () => {
  const twice = (a: string, b: string) => () => routesOf([rpc('A', Exposure.PUBLIC, a), rpc('B', Exposure.PUBLIC, b)]);

  test.each([
    ['GET /api/x', 'GET /api/x'],
    ['GET /api/{a}', 'GET /api/{b}'],
    ['GET /api/{a}/x', 'GET /api/y/{b}'],
    ['GET /api/{a}/x', 'POST /api/y/{b}'],
    ['POST /api/{a}:go', 'POST /api/{b}:go'],
  ])('%s and %s', (a, b) => {
    expect(twice(a, b)).toThrow('collide');
  });

  test.each([
    ['GET /api/x', 'POST /api/x'],
    ['GET /api/{a}', 'GET /api/x'],
    ['GET /api/{a}', 'GET /api/{b=**}'],
    ['POST /api/{a}', 'POST /api/{b}:go'],
    ['GET /api/{a}/x', 'GET /api/{b}/y'],
  ])('but not %s and %s', (a, b) => {
    expect(twice(a, b)).not.toThrow();
    expect(twice(b, a)).not.toThrow();
  });

  test("a path of Envoy's own", () => {
    expect(() => routesOf([rpc('A', Exposure.PUBLIC, 'GET /healthz')])).toThrow('/healthz');
  });

  test('a service without a cluster', () => {
    const stray = { ...rpc('A', Exposure.PUBLIC, 'GET /api/a'), service: 'hop.stray.v1.StrayService' };
    expect(() => routesOf([stray])).toThrow('no cluster');
  });
});

test('a narrower path is tried before a wider one', () => {
  const routes = routesOf([
    rpc('All', Exposure.PUBLIC, 'GET /api/{rest=**}'),
    rpc('One', Exposure.PUBLIC, 'GET /api/x/{one}'),
    rpc('Verb', Exposure.PUBLIC, 'POST /api/x/{one}:go'),
    rpc('Exact', Exposure.PUBLIC, 'GET /api/x/me'),
  ]);
  const rest = routes.filter(({ route, match }) => route && !match.path?.startsWith('/hop.'));
  expect([...new Set(rest.map(({ name }) => name.split('/')[1]))]).toEqual(['Exact', 'Verb', 'One', 'All']);
});
