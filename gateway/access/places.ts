import { lookup } from 'node:dns/promises';
import type { Address } from '#runtime/config/config.ts';
import type { AccessConfig } from './config.ts';
import { type Kind, kinds } from './status/mesh-status.ts';

/** Where a process of the mesh is by now. */
export interface Place {
  readonly kind: Kind;
  /** The first has the bare name, but for resolvers: resolver-1, link, link-2. */
  readonly name: string;
  readonly address: Address;
}

export type FindPlaces = () => Promise<readonly Place[]>;

type Configured = Readonly<Record<Kind, readonly Address[]>>;

/** Every address of a name; rejects when it has none. */
type LookUp = (host: string) => Promise<readonly string[]>;

const lookupMs = 300;

export const configuredPlaces = (config: AccessConfig): Configured => ({
  'gateway-edge': config.gatewayEdgeAddresses,
  'gateway-access': config.gatewayAccessAddresses,
  resolver: config.resolverAddresses,
  link: config.linkAddresses,
  identity: config.identityAddresses,
  analytics: config.analyticsAddresses,
});

/**
 * Finds the processes of the mesh, anew each time: a name may stand for many (a headless service in Kubernetes), and not for
 * the same ones tomorrow. While it cannot be looked up, they are where they were.
 */
export function createPlaces(configured: Configured, lookUp: LookUp = addressesOf): FindPlaces {
  const before = new Map<string, readonly string[]>();

  async function resolve({ host, port }: Address): Promise<readonly Address[]> {
    // A name that never led anywhere is one process that does not answer.
    const hosts = await lookUp(host).catch(() => before.get(host) ?? [host]);
    before.set(host, hosts);
    return hosts.map((found) => ({ host: found, port }));
  }

  async function placesOf(kind: Kind): Promise<readonly Place[]> {
    const found = (await Promise.all(configured[kind].map(resolve))).flat();
    const apart = new Map(found.map((address) => [`${address.host} ${address.port}`, address]));
    return [...apart.values()].map((address, index) => ({ kind, name: nameOf(kind, index), address }));
  }

  return async () => (await Promise.all(kinds.map(placesOf))).flat();
}

/** Keeps what was made for a place as long as there is one, and lets it go then. Asked with nothing, it lets all go. */
export function keepContacts<Contact>(make: (address: Address) => Contact, letGo: (gone: Contact) => void = () => {}) {
  let known = new Map<string, Contact>();
  return (places: readonly Place[]): readonly (readonly [Place, Contact])[] => {
    const next = new Map<string, Contact>();
    const contacts = places.map((place) => {
      const { kind, address } = place;
      const key = `${kind} ${address.host} ${address.port}`;
      const contact = known.get(key) ?? make(address);
      next.set(key, contact);
      return [place, contact] as const;
    });
    for (const [key, gone] of known) if (!next.has(key)) letGo(gone);
    known = next;
    return contacts;
  };
}

/** Of one family alone: a process has an address of each, and is one process. */
async function addressesOf(host: string): Promise<readonly string[]> {
  const late = AbortSignal.timeout(lookupMs);
  const failed = new Promise<never>((_, reject) => {
    late.addEventListener('abort', () => reject(new Error('The name was not resolved in time.')), { once: true });
  });
  const all = await Promise.race([lookup(host, { all: true }), failed]);
  return all
    .filter(({ family }) => family === all[0]?.family)
    .map(({ address }) => address)
    .sort();
}

const nameOf = (kind: Kind, index: number): string =>
  index === 0 && kind !== 'resolver' ? kind : `${kind}-${index + 1}`;
