import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Exposure } from '#gen/options/v1/access_pb.ts';
import { descriptorSetPath, readContract } from '#runtime/contract/contract.ts';

const SCOPES = ['links:read', 'links:write', 'links:resolve', 'stats:read', 'keys:write', 'workspace:admin'];
/** Reading the contract throws for an RPC without an access option. */
const rpcs = readContract(readFileSync(descriptorSetPath)).map((rpc) => [rpc.name, rpc] as const);

describe.each(rpcs)('the access option of %s', (_, { exposure, scope, anonymous, internalListener, ...rpc }) => {
  it('asks for a scope that exists, and only where someone can hold it', () => {
    if (scope !== '') expect(SCOPES).toContain(scope);
    if (anonymous) expect(scope).toBe('');
    if (exposure === Exposure.EDGE) expect(scope).toBe('');
    if (exposure === Exposure.INTERNAL) expect(scope !== '').toBe(internalListener);
    if (internalListener) expect(exposure).toBe(Exposure.INTERNAL);
  });

  it('goes with the REST path: PUBLIC unary and EDGE calls have one, INTERNAL calls have none', () => {
    expect(rpc.bindings.length > 0).toBe(exposure !== Exposure.INTERNAL && !rpc.streams);
  });
});

const gets = rpcs.filter(([, { exposure, bindings }]) => {
  return exposure === Exposure.PUBLIC && bindings.length > 0 && bindings.every(({ verb }) => verb === 'GET');
});

// Envoy and the clients decide by it whether a call may be made twice.
it.each(gets)('%s, a GET over REST, is declared free of side effects', (_, rpc) => {
  expect(rpc.isRead).toBe(true);
});
