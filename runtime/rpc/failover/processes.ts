import { isIP } from 'node:net';
import type { Address } from '../../config/config.ts';
import { lookupHost } from '../dns.ts';

/** The addresses of the processes that one address stands for. Rejects when its name cannot be looked up. */
export type FindProcesses = (address: Address) => Promise<readonly Address[]>;

export interface Processes {
  /** To be called before a call: looks up names again in the background if the last lookup is five seconds old. */
  refresh(): void;
  /** To be called when a process seems to be gone: looks up names again within a second. */
  doubt(): void;
}

interface ProcessesOptions {
  readonly addresses: readonly Address[];
  /** Called with all processes when they have changed; until then the addresses stand for them. */
  readonly moved: (processes: readonly Address[]) => void;
  readonly find?: FindProcesses | undefined;
  readonly now?: () => number;
}

const everyMs = 5_000;
const doubtedMs = 1_000;

/**
 * A name stands for all processes of its kind where a cluster resolves it to all their addresses (a headless service in Kubernetes); a
 * connection to the name would reach one of them, and stay there. While the lookup fails, the previous result is kept.
 */
export function createProcesses(options: ProcessesOptions): Processes {
  const { addresses, moved, find = findByName, now = () => performance.now() } = options;
  const named = addresses.some(({ host }) => isIP(host) === 0);
  let known = addresses.map((address): readonly Address[] => [address]);
  let dueAt = Number.NEGATIVE_INFINITY;
  let looking = false;

  const look = async (): Promise<void> => {
    const found = await Promise.all(addresses.map((address, index) => find(address).catch(() => known[index] ?? [])));
    const before = JSON.stringify(known);
    known = found;
    looking = false;
    if (JSON.stringify(known) !== before) moved(known.flat());
  };

  return {
    refresh() {
      if (!named || looking || now() < dueAt) return;
      looking = true;
      dueAt = now() + everyMs;
      void look();
    },
    doubt() {
      dueAt = Math.min(dueAt, now() + doubtedMs);
    },
  };
}

/** If there is only one address, the name itself: it is resolved for each new connection. */
async function findByName(address: Address): Promise<readonly Address[]> {
  if (isIP(address.host) !== 0) return [address];
  const hosts = await lookupHost(address.host);
  return hosts.length > 1 ? hosts.map((host) => ({ host, port: address.port })) : [address];
}
