import { isIP } from 'node:net';
import type { Address } from '../../config/config.ts';
import { lookupHost } from '../dns.ts';

/** The addresses of the processes that one address stands for. Rejects when its name cannot be looked up. */
export type FindProcesses = (address: Address) => Promise<readonly Address[]>;

export interface Processes {
  /** A call is about to be made: names are looked up again, beside it, when that was not done for five seconds. */
  refresh(): void;
  /** One did not answer as if it were there: names are looked up again within a second. */
  doubt(): void;
}

interface ProcessesOptions {
  readonly addresses: readonly Address[];
  /** Told of all processes when there are others than before; at first the addresses are taken for them. */
  readonly moved: (processes: readonly Address[]) => void;
  readonly find?: FindProcesses | undefined;
  readonly now?: () => number;
}

const everyMs = 5_000;
const doubtedMs = 1_000;

/**
 * A name stands for all processes of its kind where a cluster answers it with all their addresses (a headless service of Kubernetes); a connection to
 * the name would reach one of them, and stay there. While it cannot be looked up, what was found before is kept.
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

/** Where there is only one address, the name: it is looked up with each connection that is made. */
async function findByName(address: Address): Promise<readonly Address[]> {
  if (isIP(address.host) !== 0) return [address];
  const hosts = await lookupHost(address.host);
  return hosts.length > 1 ? hosts.map((host) => ({ host, port: address.port })) : [address];
}
