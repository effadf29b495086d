import { setTimeout } from 'node:timers/promises';
import type { Address } from '#runtime/config/config.ts';
import { lookupHost } from '#runtime/rpc/dns.ts';
import type { AccessConfig } from './config.ts';
import { type Kind, kinds } from './status/mesh-status.ts';

/** A process of the mesh and where it listens now. */
export interface Endpoint {
  readonly kind: Kind;
  /** The first has the bare name, but for resolvers: resolver-1, link, link-2. */
  readonly name: string;
  readonly address: Address;
}

export type FindEndpoints = () => Promise<readonly Endpoint[]>;

type Configured = Readonly<Record<Kind, readonly Address[]>>;

/** Every address of a name; rejects when it has none. */
type LookUp = (host: string) => Promise<readonly string[]>;

/** How long a look-up is waited for. With the 300 ms that a process has for its health, it is less than the 600 ms that Envoy has for both. */
const lookupMs = 100;

export const configuredAddresses = (config: AccessConfig): Configured => ({
  'gateway-edge': config.gatewayEdgeAddresses,
  'gateway-access': config.gatewayAccessAddresses,
  resolver: config.resolverAddresses,
  link: config.linkAddresses,
  identity: config.identityAddresses,
  analytics: config.analyticsAddresses,
});

/**
 * Finds the processes of the mesh, anew each time: a name may stand for many (a headless service in Kubernetes), and not for
 * the same ones tomorrow. While it cannot be looked up, or that takes long, they are where they were.
 */
export function createEndpointFinder(configured: Configured, lookUp: LookUp = lookupHost): FindEndpoints {
  const names = createNames(lookUp);
  const hosts = [...new Set(kinds.flatMap((kind) => configured[kind].map(({ host }) => host)))];

  function endpointsOf(kind: Kind): readonly Endpoint[] {
    const found = configured[kind].flatMap(({ host, port }) => names.known(host).map((one) => ({ host: one, port })));
    const apart = new Map(found.map((address) => [`${address.host} ${address.port}`, address]));
    return [...apart.values()].map((address, index) => ({ kind, name: nameOf(kind, index), address }));
  }

  return async () => {
    const late = setTimeout(lookupMs, undefined, { ref: false });
    await Promise.race([Promise.all(hosts.map(names.look)), late]);
    return kinds.flatMap(endpointsOf);
  };
}

/**
 * One look-up of a name is under way at a time, however often it is asked for: it cannot be taken back, and others would queue up
 * behind it, also those of whoever wants to connect.
 */
function createNames(lookUp: LookUp) {
  const known = new Map<string, readonly string[]>();
  const looking = new Map<string, Promise<void>>();

  async function lookAnew(name: string): Promise<void> {
    const hosts = await lookUp(name).catch(() => undefined);
    if (hosts) known.set(name, hosts);
    looking.delete(name);
  }

  return {
    look(name: string): Promise<void> {
      const look = looking.get(name) ?? lookAnew(name);
      looking.set(name, look);
      return look;
    },
    /** What it led to last. One that never led anywhere is one process that does not answer. */
    known: (name: string): readonly string[] => known.get(name) ?? [name],
  };
}

/** Keeps one client for each endpoint, and closes it once the endpoint is gone. Called with none, it closes all. */
export function keepClients<Client>(make: (address: Address) => Client, close: (gone: Client) => void = () => {}) {
  let known = new Map<string, Client>();
  return (endpoints: readonly Endpoint[]): readonly (readonly [Endpoint, Client])[] => {
    const next = new Map<string, Client>();
    const clients = endpoints.map((endpoint) => {
      const { kind, address } = endpoint;
      const key = `${kind} ${address.host} ${address.port}`;
      const client = known.get(key) ?? make(address);
      next.set(key, client);
      return [endpoint, client] as const;
    });
    for (const [key, gone] of known) if (!next.has(key)) close(gone);
    known = next;
    return clients;
  };
}

const nameOf = (kind: Kind, index: number): string =>
  index === 0 && kind !== 'resolver' ? kind : `${kind}-${index + 1}`;
