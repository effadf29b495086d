import { expect, it } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { openControlPlane } from './control-plane.ts';

const uuid = '0197f0c6-0000-7000-8000-000000000001';

/** How many of the domains can have hot links. */
function taken(domains: readonly string[], hostAliases: readonly string[], ...of: string[]): number {
  const routesFile = '/not/there/yet.yaml';
  const plane = openControlPlane({
    routesFile,
    domains,
    hostAliases,
    capacity: { entries: 9, bytes: 1e6 },
    log: silentLog,
  });
  const link = { destination: 'https://example.com/', status: 302, cacheControl: 'no-store', version: 1n } as const;
  plane.hotSet.put(of.map((domain) => ({ ...link, domain, code: 'a', linkId: uuid, workspaceId: uuid })));
  plane.stop();
  return plane.hotSet.status().entries;
}

it('knows the domains as links have them, whatever their spelling', () => {
  expect(taken(['Bücher.example', 'GO.example'], [], 'xn--bcher-kva.example', 'go.example')).toBe(2);
});

it('has no set for a domain whose host means another, as the resolver has it', () => {
  expect(taken(['go.example', 'two.example'], ['Two.example.:80', '*'], 'go.example', 'two.example')).toBe(1);
});

it('refuses to begin with what is no host name', () => {
  expect(() => taken(['go.example/x'], [])).toThrow('is no host name');
});
