import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { loadConfig } from '#runtime/config/config.ts';
import { rateLimitTable } from '#runtime/limits/rate-limits.ts';
import { renderEnvoy } from '../../envoy/render.ts';
import { checkout } from './layout.ts';
import type { Part } from './part.ts';
import { httpProbe } from './probes.ts';
import { type MeshSettings, passedOn, spoolDir } from './services.ts';

const DEFAULT_CONCURRENCY = 2;
/** What Envoy writes (clicks above all) is nobody else's. */
const PRIVATELY = 'umask 077; exec "$0" "$@"';

/** The configuration is rendered anew before every start, from the protos and this mesh's ports. */
export function envoyPart(settings: MeshSettings, binary: () => string): Part {
  const { layout, ports, env } = settings;
  // A folder of its own: Envoy watches it, and must not watch one that it writes logs to.
  const outDir = path.join(layout.data, 'envoy');
  let args: readonly string[] = [];
  return {
    name: 'envoy',
    prepare: () => {
      for (const dir of [outDir, spoolDir(layout)]) mkdirSync(dir, { recursive: true, mode: 0o700 });
      args = renderEnvoy(envoySettings(settings, outDir)).args;
    },
    command: () => ({
      file: '/bin/sh',
      args: ['-c', PRIVATELY, binary(), ...args],
      env: passedOn(env),
      cwd: outDir,
    }),
    ready: httpProbe(`http://127.0.0.1:${ports['envoy-admin']}/ready`),
  };
}

function envoySettings({ layout, ports, env }: MeshSettings, outDir: string): Parameters<typeof renderEnvoy>[0] {
  const local = (port: number): { host: string; port: number } => ({ host: '127.0.0.1', port });
  return {
    outDir,
    descriptorPath: path.join(checkout, 'gen/hopline.binpb'),
    spoolDir: spoolDir(layout),
    logDir: layout.log,
    publicAddress: { host: env.HOP_HTTP_HOST ?? '127.0.0.1', port: ports.envoy },
    internalAddress: local(ports['envoy-internal']),
    adminPort: ports['envoy-admin'],
    concurrency: concurrencyOf(env.HOP_ENVOY_CONCURRENCY),
    rateLimits: loadConfig(rateLimitTable, env),
    upstreams: {
      link: [local(ports.link)],
      resolver: [local(ports['resolver-1']), local(ports['resolver-2'])],
      identity: [local(ports.identity)],
      analytics: [local(ports.analytics)],
      'gateway-access': [local(ports['gateway-access'])],
    },
  };
}

function concurrencyOf(text: string | undefined): number {
  const wanted = Number(text ?? DEFAULT_CONCURRENCY);
  if (Number.isInteger(wanted) && wanted > 0 && wanted <= 256) return wanted;
  throw new Error(`HOP_ENVOY_CONCURRENCY is ${JSON.stringify(text)}; expected a whole number from 1 to 256.`);
}
