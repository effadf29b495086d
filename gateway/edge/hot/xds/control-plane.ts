import { unwatchFile, watchFile } from 'node:fs';
import { VirtualHostDiscoveryService } from '#gen-envoy/service/route/v3/rds_pb.ts';
import { RuntimeDiscoveryService } from '#gen-envoy/service/runtime/v3/rtds_pb.ts';
import { HopError } from '#runtime/errors/errors.ts';
import { type Registration, service } from '#runtime/rpc/endpoint.ts';
import { bareHost, createDomains } from '#runtime/shortlink/link-key.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { observe } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { HotSet } from '../entry.ts';
import { createHotSet } from '../hot-set.ts';
import type { Capacity } from '../snapshot.ts';
import { readBaseRoutes } from './base-routes.ts';
import { runtimeLayer } from './runtime-layer.ts';
import { virtualHosts } from './virtual-hosts.ts';

/** What a response to Envoy may hold beside the entries: each domain has the routes of the file (108 KB) and its hosts, with some to spare. */
const domainBytes = 1_048_576;

/** The largest response to Envoy, which holds the whole hot set. */
export const largestAnswer = ({ domains, hotBytes }: { domains: readonly string[]; hotBytes: number }): number =>
  hotBytes + domains.length * domainBytes;

interface Options {
  /** The file of routes that Envoy loads (routes/public.yaml of envoy/render.ts). It may appear later, and change. */
  readonly routesFile: string;
  /** HOP_DOMAINS; the first is the default. */
  readonly domains: readonly string[];
  /** HOP_HOST_ALIASES. */
  readonly hostAliases: readonly string[];
  readonly capacity: Capacity;
  readonly log: Log;
  readonly lingerMs?: number;
}

export interface ControlPlane {
  readonly hotSet: HotSet;
  /** To be passed to `serve`: Envoy itself calls them. */
  readonly services: readonly Registration[];
  /** Rejects while the routes of the file cannot be read: nothing is hot then. */
  check(): Promise<void>;
  stop(): void;
}

/** The hot set and the services that send it to Envoy. */
export function openControlPlane(options: Options): ControlPlane {
  const { log, routesFile } = options;
  const hotSet = createHotSet({ ...options, hosts: hostsOf(options) });
  let fault: unknown;

  function readBase(): void {
    try {
      hotSet.setBase(readBaseRoutes(routesFile));
      fault = undefined;
    } catch (error) {
      // Not there yet, or newer than this process. Envoys keep what they have.
      if (!fault) log.warn({ err: error }, 'the routes that the hot set falls back to cannot be read');
      fault = error;
    }
  }

  readBase();
  watchFile(routesFile, { interval: pollMs, persistent: false }, readBase);
  const gauges = [
    observe(metric.hotSetEntries, {}, () => hotSet.status().entries),
    observe(metric.hotBytes, {}, () => hotSet.status().bytes),
    observe(metric.hotSetCapacity, {}, () => options.capacity.entries),
    observe(metric.hotBytesCapacity, {}, () => options.capacity.bytes),
    observe(metric.hotSetEnvoys, {}, () => hotSet.status().connected),
    observe(metric.leaseHeld, {}, () => (hotSet.lease.isHeld() ? 1 : 0)),
  ];
  return {
    hotSet,
    services: servicesOf(hotSet, log),
    check: async () => {
      if (fault) throw fault;
    },
    stop() {
      unwatchFile(routesFile, readBase);
      for (const end of gauges) end();
      hotSet.stop();
    },
  };
}

/** Compose and Kubernetes replace the file rarely, and before Envoy loads it. */
const pollMs = 500;

/**
 * By domain, as links spell it, the hosts that the resolver treats as that domain, as they appear in a request. Throws when a domain is not
 * a host name.
 */
function hostsOf({ domains, hostAliases }: Options): ReadonlyMap<string, readonly string[]> {
  const { all, parseHost, defaultDomain } = createDomains({ domains, hostAliases });
  // `*` is not possible: the file's own virtual host has it. A host that only it covers is served cold.
  const aliases = hostAliases.filter((alias) => alias !== '*').map(bareHost);
  return Map.groupBy(new Set([...all, ...aliases]), (host) => parseHost(host) ?? defaultDomain);
}

function servicesOf(hotSet: ReturnType<typeof createHotSet>, log: Log): Registration[] {
  const notOffered = (): never => {
    throw new HopError('unimplemented', 'UNIMPLEMENTED', 'Ask for it in the other variant of the protocol.');
  };
  const refused = (why: string): void => log.error({ why }, 'Envoy refused its lease');
  return [
    service(
      VirtualHostDiscoveryService,
      { deltaVirtualHosts: (requests, context) => virtualHosts(hotSet, requests, context) },
      { access: 'edge' },
    ),
    service(
      RuntimeDiscoveryService,
      {
        streamRuntime: (requests, context) => runtimeLayer(hotSet.lease, refused, requests, context),
        deltaRuntime: notOffered,
        fetchRuntime: notOffered,
      },
      { access: 'edge' },
    ),
  ];
}
