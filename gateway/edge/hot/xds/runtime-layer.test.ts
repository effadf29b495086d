import { setImmediate as turnEnds } from 'node:timers/promises';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { AnySchema, anyUnpack, durationMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import {
  DiscoveryRequestSchema,
  type DiscoveryResponseSchema,
  ResourceSchema,
} from '#gen-envoy/service/discovery/v3/discovery_pb.ts';
import { RuntimeSchema } from '#gen-envoy/service/runtime/v3/rtds_pb.ts';
import { createFleet } from '../fleet.ts';
import { createLease, type Lease } from '../lease.ts';
import { leaseKeyOf, shards } from '../shards.ts';
import { runtimeLayer } from './runtime-layer.ts';

function setUp() {
  let time = 10_000;
  const fleet = createFleet(() => lease.changed.notify());
  const lease: Lease = createLease(fleet, () => time);
  const stopping = new AbortController();
  async function* requests() {
    yield create(DiscoveryRequestSchema, { node: { id: 'edge-1' }, resourceNames: ['lease'] });
    for (let nonce = 1; ; nonce++) yield create(DiscoveryRequestSchema, { responseNonce: String(nonce) });
  }
  const layers = runtimeLayer(lease, () => {}, requests(), { signal: stopping.signal } as HandlerContext);
  return {
    ...{ fleet, lease, stop: () => stopping.abort() },
    pass(ms: number): void {
      time += ms;
    },
    /** What the Envoy is told next: for how long it may serve, and which shards not. */
    async next() {
      const { value } = (await layers.next()) as IteratorYieldResult<MessageInitShape<typeof DiscoveryResponseSchema>>;
      const [resource] = (value.resources ?? []).map((any) => anyUnpack(create(AnySchema, any), ResourceSchema));
      const layer = resource?.resource && anyUnpack(resource.resource, RuntimeSchema)?.layer;
      const cold = shards.filter((shard) => layer?.[leaseKeyOf(shard)] !== 100);
      return { ttlMs: resource?.ttl && durationMs(resource.ttl), cold };
    },
  };
}

it('tells an Envoy for how long it may serve, and which shards not: anew when that is renewed, withheld or withdrawn', async () => {
  const { fleet, lease, next, pass, stop } = setUp();
  const envoy = fleet.join('edge-1');
  lease.set(1_750, new Set());
  // It may still have the set of another process.
  expect(await next()).toEqual({ ttlMs: undefined, cold: shards });
  pass(250);
  const granted = next();
  await turnEnds();
  envoy.acknowledged = 1n;
  fleet.changed();
  expect(await granted).toEqual({ ttlMs: 1_500, cold: [] });
  const renewed = next();
  await turnEnds();
  lease.set(1_750, new Set());
  expect(await renewed).toEqual({ ttlMs: 1_750, cold: [] });
  const withheld = next();
  await turnEnds();
  lease.set(1_750, new Set(['a']));
  expect(await withheld).toEqual({ ttlMs: 1_750, cold: ['a'] });
  const withdrawn = next();
  await turnEnds();
  lease.set(undefined, new Set());
  expect(await withdrawn).toEqual({ ttlMs: undefined, cold: shards });
  stop();
});
