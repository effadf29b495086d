import { credentials, makeGenericClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import type { Address } from '#runtime/config/config.ts';
import type { AccessConfig } from '../config.ts';
import type { Part, Report } from './readiness.ts';

/** The part of grpc.health.v1 that is asked: every status at once, the process's own under the empty name. */
interface HealthClient {
  List(
    request: Record<string, never>,
    options: { readonly deadline: number },
    callback: (error: ServiceError | null, answer?: ListAnswer) => void,
  ): void;
  close(): void;
}

interface ListAnswer {
  readonly statuses: Readonly<Record<string, { readonly status: string }>>;
}

const askMs = 300;
const dependencyPrefix = 'dependency/';
const HealthConstructor = makeGenericClientConstructor(healthService, 'Health');

/** A part that comes back is seen within a second; gRPC by itself would wait for up to two minutes. */
const channelOptions = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 1_000 };

/** Asks the health service of one process. */
export function healthPart(
  name: string,
  { host, port }: Address,
  isResolver = false,
): Part & { readonly close: () => void } {
  const target = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const client = new HealthConstructor(target, credentials.createInsecure(), channelOptions) as unknown as HealthClient;
  return {
    name,
    isResolver,
    ask: () =>
      new Promise((resolve, reject) => {
        client.List({}, { deadline: Date.now() + askMs }, (error, answer) => {
          if (error || !answer) reject(error ?? new Error('no answer'));
          else resolve(reportFrom(answer));
        });
      }),
    close: () => client.close(),
  };
}

function reportFrom({ statuses }: ListAnswer): Report {
  const brokenDependencies = Object.entries(statuses)
    .filter(([name, { status }]) => name.startsWith(dependencyPrefix) && status !== 'SERVING')
    .map(([name]) => name.slice(dependencyPrefix.length));
  return { isServing: statuses['']?.status === 'SERVING', brokenDependencies };
}

/** Everything that a working installation needs of the mesh, but Envoy, which asked, and this process. */
export function meshParts(config: AccessConfig): ReturnType<typeof healthPart>[] {
  return [
    ...config.resolverAddresses.map((address, index) => healthPart(`resolver-${index + 1}`, address, true)),
    ...named('link', config.linkAddresses),
    ...named('identity', config.identityAddresses),
    ...named('analytics', config.analyticsAddresses),
    ...named('gateway-edge', config.gatewayEdgeAddresses),
  ];
}

/** The first has the bare name: link, link-2. */
function named(name: string, addresses: readonly Address[]): ReturnType<typeof healthPart>[] {
  return addresses.map((address, index) => healthPart(index === 0 ? name : `${name}-${index + 1}`, address));
}
