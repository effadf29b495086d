import { ProcessService } from '#gen/status/v1/process_service_pb.ts';
import type { ProcessStatus } from '#gen/status/v1/process_status_pb.ts';
import type { ServiceIdentity } from '#runtime/caller/keyring.ts';
import type { Address } from '#runtime/config/config.ts';
import { meshClient } from '#runtime/rpc/client.ts';
import { type FindEndpoints, keepClients } from '../discovery.ts';
import type { Process } from './mesh-status.ts';

interface Known {
  readonly ask: () => Promise<ProcessStatus>;
  /** The name that it last reported. */
  name: string | undefined;
}

const askMs = 1_000;

/** The processes of the mesh. One that stops answering keeps the name that it last reported. */
export function createProcessFinder(find: FindEndpoints, issuer: ServiceIdentity): () => Promise<readonly Process[]> {
  const clientsOf = keepClients((address) => connect(address, issuer));
  return async () =>
    clientsOf(await find()).map(([{ kind, name }, one]) => ({
      kind,
      name: one.name ?? name,
      ask: () => askOne(one),
    }));
}

function connect(address: Address, issuer: ServiceIdentity): Known {
  const client = meshClient(ProcessService, { addresses: [address], issuer, deadlineMs: askMs });
  return { ask: () => client.getProcessStatus({}), name: undefined };
}

async function askOne(one: Known): Promise<ProcessStatus> {
  const status = await one.ask();
  one.name = status.instance;
  return status;
}
