import { isCanonicalUuid, isCode } from '#runtime/shortlink/link-key.ts';
import { isRedirectStatus } from '#runtime/shortlink/link-record.ts';
import type { HotEntry } from './entry.ts';
import { pathOf } from './shards.ts';
import type { BaseRoutes } from './xds/base-routes.ts';
import { encodeEntry, encodeVirtualHost, virtualHostName } from './xds/resources.ts';

/** How large a hot set may be. */
export interface Capacity {
  readonly entries: number;
  /** Size of the entries as sent. */
  readonly bytes: number;
}

/** One domain's part of a snapshot. */
interface HotVirtualHost {
  readonly name: string;
  /** The version of the snapshot in which it last changed. */
  readonly version: bigint;
  readonly domain: string;
  /** As Envoy matches hosts. */
  readonly hosts: readonly string[];
  readonly entries: readonly HotEntry[];
  /** An encoded envoy.config.route.v3.VirtualHost, built on first use. */
  bytes(): Uint8Array;
}

/** What an Envoy should have. Immutable; the next one has a greater version. */
export interface Snapshot {
  readonly version: bigint;
  readonly base: BaseRoutes;
  readonly virtualHosts: ReadonlyMap<string, HotVirtualHost>;
}

interface Contents {
  readonly version: bigint;
  readonly base: BaseRoutes;
  /** By short domain. */
  readonly entries: ReadonlyMap<string, readonly HotEntry[]>;
  /** By short domain: its hosts. */
  readonly hosts: ReadonlyMap<string, readonly string[]>;
}

/** Reuses the virtual hosts of `previous` whose list of entries is the same array. */
export function takeSnapshot({ version, base, entries, hosts }: Contents, previous?: Snapshot): Snapshot {
  const virtualHosts = new Map<string, HotVirtualHost>();
  for (const [domain, hot] of entries) {
    const name = virtualHostName(base, domain);
    const before = previous?.base === base ? previous.virtualHosts.get(name) : undefined;
    const names = hostsOf(base, hosts.get(domain) ?? []);
    const contents = { name, version, domain, hosts: names, entries: hot };
    virtualHosts.set(name, before?.entries === hot ? before : virtualHost(contents, base));
  }
  return { version, base, virtualHosts };
}

function virtualHost(contents: Omit<HotVirtualHost, 'bytes'>, base: BaseRoutes): HotVirtualHost {
  const { domain, hosts, entries } = contents;
  let bytes: Uint8Array | undefined;
  return { ...contents, bytes: () => (bytes ??= encodeVirtualHost(base, domain, hosts, entries)) };
}

/** A host with any port. What the file has given to another virtual host stays there. */
function hostsOf({ taken }: BaseRoutes, hosts: readonly string[]): string[] {
  return hosts.flatMap((host) => [host, `${host}:*`]).filter((host) => !taken.has(host));
}

export const allEntries = ({ virtualHosts }: Snapshot): HotEntry[] =>
  [...virtualHosts.values()].flatMap(({ entries }) => entries);

export type EntryFault =
  | 'unknown_domain'
  | 'unknown_status'
  | 'invalid_header_value'
  | 'not_a_code'
  | 'path_of_a_page'
  | 'not_an_identifier';

const headerValue = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** Envoy refuses longer headers; a destination is at most half as long. */
const longestHeader = 16_384;

/** The routes against which an entry was last found valid, so that a push checks only what is new. */
const passed = new WeakMap<HotEntry, BaseRoutes>();

/** Why Envoy cannot answer an entry as the resolver would. */
export function faultOf(entry: HotEntry, domains: ReadonlySet<string>, base?: BaseRoutes): EntryFault | undefined {
  if (!domains.has(entry.domain)) return 'unknown_domain';
  if (!isRedirectStatus(entry.status)) return 'unknown_status';
  const { destination, cacheControl, code } = entry;
  if (![destination, cacheControl].every((value) => headerValue.test(value) && value.length <= longestHeader))
    return 'invalid_header_value';
  if (!isCode(code) || code !== code.normalize('NFC')) return 'not_a_code';
  if (base?.exactPaths.has(pathOf(code))) return 'path_of_a_page';
  return isCanonicalUuid(entry.linkId) && isCanonicalUuid(entry.workspaceId) ? undefined : 'not_an_identifier';
}

export type SnapshotFault =
  | 'two_entries_of_one_path'
  | 'entry_of_another_domain'
  | 'domain_without_hosts'
  | 'host_of_another_virtual_host'
  | 'base_routes_missing'
  | 'base_routes_differ'
  | 'too_many_entries'
  | 'too_many_bytes'
  | EntryFault;

/** What is wrong with a snapshot as a whole; a faulty one is sent to nobody. `file` is what Envoy has loaded. */
export function faultsOf(snapshot: Snapshot, file: BaseRoutes, capacity: Capacity): SnapshotFault[] {
  const faults = new Set<SnapshotFault>();
  const { base, virtualHosts } = snapshot;
  if (base.virtualHost.routes.length === 0) faults.add('base_routes_missing');
  if (base.digest !== file.digest) faults.add('base_routes_differ');
  const hosts = new Set<string>();
  for (const virtualHost of virtualHosts.values()) {
    for (const fault of virtualHostFaults(virtualHost, base)) faults.add(fault);
    for (const host of virtualHost.hosts) {
      if (hosts.has(host) || file.taken.has(host)) faults.add('host_of_another_virtual_host');
      hosts.add(host);
    }
  }
  const entries = allEntries(snapshot);
  if (entries.length > capacity.entries) faults.add('too_many_entries');
  if (bytesOf(entries) > capacity.bytes) faults.add('too_many_bytes');
  return [...faults];
}

function* virtualHostFaults({ domain, hosts, entries }: HotVirtualHost, base: BaseRoutes): Generator<SnapshotFault> {
  if (hosts.length === 0) yield 'domain_without_hosts';
  const codes = new Set(entries.map(({ code }) => code.normalize('NFC')));
  if (codes.size !== entries.length) yield 'two_entries_of_one_path';
  const own = new Set([domain]);
  for (const entry of entries) {
    if (passed.get(entry) === base && entry.domain === domain) continue;
    const fault = faultOf(entry, own, base);
    if (!fault) passed.set(entry, base);
    else yield fault === 'unknown_domain' ? 'entry_of_another_domain' : fault;
  }
}

function bytesOf(entries: readonly HotEntry[]): number {
  return entries.reduce((sum, entry) => sum + encodeEntry(entry).length, 0);
}
