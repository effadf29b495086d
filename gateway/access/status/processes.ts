import { lookup } from 'node:dns/promises';
import { ProcessService } from '#gen/status/v1/process_service_pb.ts';
import type { ProcessStatus } from '#gen/status/v1/process_status_pb.ts';
import type { ServiceIdentity } from '#runtime/caller/keyring.ts';
import type { Address } from '#runtime/config/config.ts';
import { meshClient } from '#runtime/rpc/client.ts';
import type { AccessConfig } from '../config.ts';
import { type Kind, kinds, type Process } from './mesh-status.ts';

interface Known {
  readonly ask: () => Promise<ProcessStatus>;
  /** What it called itself last. */
  name: string | undefined;
}

/** Every address of a name; rejects when it has none. */
type LookUp = (host: string) => Promise<readonly string[]>;

const askMs = 1_000;
const lookupMs = 300;

type Configured = Readonly<Record<Kind, readonly Address[]>>;

export const configuredProcesses = (config: AccessConfig): Configured => ({
  'gateway-edge': config.gatewayEdgeAddresses,
  'gateway-access': config.gatewayAccessAddresses,
  resolver: config.resolverAddresses,
  link: config.linkAddresses,
  identity: config.identityAddresses,
  analytics: config.analyticsAddresses,
});

/**
 * Finds the processes of the mesh, anew each time: a name may stand for many (a headless service in Kubernetes), and not for
 * the same ones tomorrow. A process that falls silent keeps the name that it last gave itself.
 */
export function createProcessFinder(
  configured: Configured,
  issuer: ServiceIdentity,
  lookUp: LookUp = addressesOf,
): () => Promise<readonly Process[]> {
  let known = new Map<string, Known>();

  return async () => {
    const next = new Map<string, Known>();
    const found: Process[] = [];
    for (const { kind, addresses } of await everywhere(configured, lookUp)) {
      for (const [index, address] of addresses.entries()) {
        const key = `${kind} ${address.host} ${address.port}`;
        if (next.has(key)) continue;
        const one = known.get(key) ?? contact(address, issuer);
        next.set(key, one);
        found.push({ kind, name: one.name ?? nameOf(kind, index), ask: () => askOne(one) });
      }
    }
    known = next;
    return found;
  };
}

function contact(address: Address, issuer: ServiceIdentity): Known {
  const client = meshClient(ProcessService, { addresses: [address], issuer, deadlineMs: askMs });
  return { ask: () => client.getProcessStatus({}), name: undefined };
}

async function askOne(one: Known): Promise<ProcessStatus> {
  const status = await one.ask();
  one.name = status.instance;
  return status;
}

async function everywhere(configured: Configured, lookUp: LookUp) {
  const placesOf = async (kind: Kind) => {
    const places = await Promise.all(configured[kind].map((address) => resolve(address, lookUp)));
    return { kind, addresses: places.flat() };
  };
  return Promise.all(kinds.map(placesOf));
}

/** A name that leads nowhere is one process that does not answer. */
async function resolve({ host, port }: Address, lookUp: LookUp): Promise<readonly Address[]> {
  try {
    return (await lookUp(host)).map((found) => ({ host: found, port }));
  } catch {
    return [{ host, port }];
  }
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

/** The first has the bare name, but for resolvers: resolver-1, link, link-2. */
function nameOf(kind: Kind, index: number): string {
  return index === 0 && kind !== 'resolver' ? kind : `${kind}-${index + 1}`;
}
