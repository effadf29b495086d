import type { Client } from '@connectrpc/connect';
import type { LinkService } from '#gen/link/v1/link_service_pb.ts';
import type { Registration } from '#runtime/rpc/endpoint.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { EdgeConfig } from '../config.ts';
import { type HotPath, openHotPath } from './hot-path.ts';
import { openControlPlane } from './xds/control-plane.ts';

interface Dependencies {
  readonly config: EdgeConfig;
  readonly links: Pick<Client<typeof LinkService>, 'watch' | 'lookupLinks'>;
  readonly log: Log;
}

export interface OpenHotSet extends Omit<HotPath, 'checks'> {
  readonly checks: Readonly<Record<string, () => Promise<void>>>;
  /** The services that Envoy calls. */
  readonly services: readonly Registration[];
}

/** The hot set and what feeds it; without an Envoy's routes nothing is hot. */
export async function openHotSet({ config, links, log }: Dependencies): Promise<OpenHotSet> {
  const { envoyRoutesFile: routesFile, domains, hostAliases, hotEntries: entries, hotBytes: bytes } = config;
  if (routesFile === undefined) return nothingHot;
  const plane = openControlPlane({ routesFile, domains, hostAliases, capacity: { entries, bytes }, log });
  const path = await openHotPath({ config, hotSet: plane.hotSet, links, log });
  return {
    ...path,
    services: plane.services,
    checks: { ...path.checks, 'hot-set': plane.check },
    async stop() {
      await path.stop();
      plane.stop();
    },
  };
}

const nothingHot: OpenHotSet = {
  services: [],
  checks: {},
  tap: () => {},
  run: async () => {},
  stop: async () => {},
};
