import { setTimeout } from 'node:timers/promises';
import type { Address } from '#runtime/config/config.ts';
import { lookupHost } from '#runtime/rpc/dns.ts';
import type { AccessConfig } from './config.ts';
import { type Kind, kinds } from './status/mesh-status.ts';

/** A process of the mesh and its present address. */
export interface Endpoint {
  readonly kind: Kind;
  /** The first has the bare name, but for resolvers: resolver-1, link, link-2. */
  readonly name: string;
  readonly address: Address;
}

export type FindEndpoints = () => Promise<readonly Endpoint[]>;

type Configured = Readonly<Record<Kind, readonly Address[]>>;

/** Looks up all addresses of a name; rejects if there are none. */
type LookUp = (host: string) => Promise<readonly string[]>;

/** How long to wait for a lookup. Together with the 300 ms for a process's health this is less than the 500 ms that Envoy allows for both. */
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
 * Finds the processes of the mesh, anew each time: a name may stand for many processes (a headless service in Kubernetes), which
 * change over time. While a lookup fails or takes long, the previous addresses are used.
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
 * Only one lookup of a name is under way at a time, however often it is requested: a lookup cannot be cancelled, and others, including
 * those of new connections, would queue up behind it.
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
    /** The last known addresses. A name that was never resolved counts as one process that does not answer. */
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
