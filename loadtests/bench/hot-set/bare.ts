// A bare answer of Envoy's own, in the Envoy that is measured: what a hot answer is held against.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import type { Bench } from '../measure.ts';
import { CONNECTIONS, destinationOf, followRequest } from '../requests.ts';
import type { Variant } from '../variants.ts';

const HOST = 'bare.test';
const VALUES = 200;
const TRIES = 100;
const TRY_MS = 100;

export const bare: Variant = {
  name: 'bare',
  about: 'a host with one direct_response, in the same Envoy and with the same headers and click line as a hot answer',
  connections: CONNECTIONS.redirects,
  request: (target) => followRequest(target, HOST),
  load: ({ codes }) => {
    const values = codes.slice(0, VALUES);
    return { values, expect: { status: 302, locations: values.map(() => destinationOf(0)) } };
  },
};

interface RoutesFile {
  readonly resources: readonly { readonly virtual_hosts: VirtualHost[] }[];
}

interface VirtualHost {
  readonly name: string;
  readonly domains: readonly string[];
  readonly routes: readonly Readonly<Record<string, unknown>>[];
}

/** Adds the host to the file of routes that Envoy watches, and resolves when it answers. `linkId` is whose clicks they are. */
export async function addBareHost({ subject, generator }: Bench, linkId: string): Promise<void> {
  const { mesh, account, codes, host, port } = subject;
  const file = path.join(mesh.dir, 'data/envoy/routes/public.yaml');
  const content = parse(readFileSync(file, 'utf8')) as RoutesFile;
  const hosts = content.resources[0]?.virtual_hosts ?? [];
  const name = [linkId, account.workspaceId, 1, 'edge', 'localhost', codes[0]].join(';');
  hosts.push(bareHost(name, hosts[0]));
  writeFileSync(`${file}.new`, stringify(content, { aliasDuplicateObjects: false }));
  renameSync(`${file}.new`, file);
  const ask = { host, port, connections: 1, seconds: 5, requests: 1, request: bare.request(subject) };
  for (let left = TRIES; left > 0; left--) {
    const { wrong } = await generator.run({ ...ask, ...bare.load(subject) }, 'count');
    if (wrong === 0) return;
    await sleep(TRY_MS);
  }
  throw new Error(`Envoy has not taken ${file}.`);
}

function bareHost(name: string, all: VirtualHost | undefined): VirtualHost {
  // A route that Envoy answers by itself, and that switches the check of credentials off.
  const own = all?.routes.find((route) => route.name === 'healthz');
  const header = (key: string, value: string): object => ({
    header: { key, value },
    append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
  });
  const route = {
    name,
    match: { prefix: '/' },
    direct_response: { status: 302 },
    response_headers_to_add: [header('location', destinationOf(0)), header('cache-control', 'private, no-store')],
    typed_per_filter_config: own?.typed_per_filter_config,
  };
  return { name: 'bare', domains: [HOST, `${HOST}:*`], routes: [route] };
}
