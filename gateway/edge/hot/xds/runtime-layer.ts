import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack, durationFromMs } from '@bufbuild/protobuf/wkt';
import type { HandlerContext } from '@connectrpc/connect';
import {
  type DiscoveryRequest,
  type DiscoveryResponseSchema,
  ResourceSchema,
} from '#gen-envoy/service/discovery/v3/discovery_pb.ts';
import { RuntimeSchema } from '#gen-envoy/service/runtime/v3/rtds_pb.ts';
import type { Lease } from '../lease.ts';
import { leaseKeyOf, shards } from '../shards.ts';
import { answerTo } from './acknowledgement.ts';

type Response = MessageInitShape<typeof DiscoveryResponseSchema>;

/** RTDS for one Envoy: its lease, as a runtime layer that Envoy itself removes when the time is over. */
export async function* runtimeLayer(
  lease: Lease,
  refused: (why: string) => void,
  requests: AsyncIterable<DiscoveryRequest>,
  { signal }: HandlerContext,
): AsyncGenerator<Response> {
  const inbox = requests[Symbol.asyncIterator]();
  const { value: first, done } = await inbox.next();
  if (done) return;
  const node = first.node?.id ?? '';
  const name = first.resourceNames[0] ?? '';
  for (let version = 1; !signal.aborted; version++) {
    const { serial } = lease;
    const leftMs = lease.leftFor(node);
    yield layer(name, String(version), leftMs, lease.withheld);
    const verdict = await answerTo(String(version), inbox);
    if (verdict === 'gone') return;
    if (verdict !== 'acknowledged') refused(verdict.refused);
    while (!signal.aborted && !lease.hasNews(node, serial, leftMs > 0)) await lease.changed.next(signal);
  }
}

/** Always the whole layer: Envoy accepts nothing less for a renewal. Without a time to live it stays, and says no. */
function layer(name: string, version: string, leftMs: number, withheld: ReadonlySet<string>): Response {
  const may = (shard: string): boolean => leftMs > 0 && !withheld.has(shard);
  const runtime = create(RuntimeSchema, {
    name,
    layer: Object.fromEntries(shards.map((shard) => [leaseKeyOf(shard), may(shard) ? 100 : 0])),
  });
  const resource = create(ResourceSchema, {
    name,
    version,
    resource: anyPack(RuntimeSchema, runtime),
    ...(leftMs > 0 ? { ttl: durationFromMs(leftMs) } : {}),
  });
  return {
    versionInfo: version,
    nonce: version,
    typeUrl: `type.googleapis.com/${RuntimeSchema.typeName}`,
    resources: [anyPack(ResourceSchema, resource)],
  };
}
