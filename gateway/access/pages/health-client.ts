import { credentials, makeGenericClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import type { Address } from '#runtime/config/config.ts';
import { type FindEndpoints, keepClients } from '../discovery.ts';
import type { Part, Report } from './readiness.ts';

/** The part of grpc.health.v1 in use: all statuses at once, the process's own under the empty name. */
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

/** A recovered part is noticed within a second; gRPC by default would wait for up to two minutes. */
const channelOptions = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 1_000 };

/** Finds all parts of the mesh, whose health can then be checked. */
export function createPartFinder(find: FindEndpoints): { find(): Promise<readonly Part[]>; close(): void } {
  const clientsOf = keepClients(healthClient, (client) => client.close());
  return {
    async find() {
      return clientsOf(await find()).map(([{ kind, name }, client]) => ({
        name,
        isResolver: kind === 'resolver',
        ask: () => ask(client),
      }));
    },
    close: () => void clientsOf([]),
  };
}

function healthClient({ host, port }: Address): HealthClient {
  const target = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return new HealthConstructor(target, credentials.createInsecure(), channelOptions) as unknown as HealthClient;
}

function ask(client: HealthClient): Promise<Report> {
  return new Promise((resolve, reject) => {
    client.List({}, { deadline: Date.now() + askMs }, (error, answer) => {
      if (error || !answer) reject(error ?? new Error('no answer'));
      else resolve(reportFrom(answer));
    });
  });
}

function reportFrom({ statuses }: ListAnswer): Report {
  const brokenDependencies = Object.entries(statuses)
    .filter(([name, { status }]) => name.startsWith(dependencyPrefix) && status !== 'SERVING')
    .map(([name]) => name.slice(dependencyPrefix.length));
  return { isServing: statuses['']?.status === 'SERVING', brokenDependencies };
}
