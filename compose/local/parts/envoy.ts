import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '#runtime/config/config.ts';
import { rateLimitTable } from '#runtime/limits/rate-limits.ts';
import { renderEnvoy } from '../../../envoy/render.ts';
import { localConfig, tracesFrom } from '../../../envoy/settings.ts';
import { type Kind, membersOf } from '../graph.ts';
import { checkout } from '../layout.ts';
import { httpProbe } from '../supervisor/probes.ts';
import type { Part } from './part.ts';
import { edges, type MeshSettings, passedOn, publicNames, spoolDir } from './services.ts';

const DEFAULT_CONCURRENCY = 2;
/** What Envoy writes (clicks above all) must not be readable by others. */
const PRIVATELY = 'umask 077; exec "$0" "$@"';

export type EnvoyName = keyof typeof edges;

/** The configuration is rendered before every start, from the protos and this mesh's ports. */
export function envoyPart(name: EnvoyName, settings: MeshSettings, binary: () => string): Part {
  const { layout, ports, env } = settings;
  const edge = edges[name];
  const spool = spoolDir(layout, edge);
  // A separate folder: Envoy watches it, and must not watch one to which it writes logs.
  const outDir = path.join(layout.data, name);
  let args: readonly string[] = [];
  return {
    name,
    prepare: () => {
      for (const dir of [outDir, spool]) mkdirSync(dir, { recursive: true, mode: 0o700 });
      beginSegment(spool);
      args = renderEnvoy(envoySettings(name, settings, outDir)).args;
    },
    command: () => ({
      file: '/bin/sh',
      args: ['-c', PRIVATELY, binary(), ...args],
      env: passedOn(env),
      cwd: outDir,
    }),
    drain: () => drain(ports[edge.ports.admin]),
    ready: httpProbe(`http://127.0.0.1:${ports[edge.ports.admin]}/ready`),
  };
}

/** Envoy's own drain time (envoy/render.ts), plus a margin. */
const DRAIN_MS = 12_000;

/** Responses announce that their connection closes, for as long as the drain takes; then no new connection is accepted. As envoy-drain.sh, without its first wait. */
async function drain(adminPort: number): Promise<void> {
  const url = `http://127.0.0.1:${adminPort}/drain_listeners?graceful`;
  const answer = await fetch(url, { method: 'POST', signal: AbortSignal.timeout(1_000) });
  if (!answer.ok) throw new Error(`Envoy would not drain: ${answer.status}.`);
  await sleep(DRAIN_MS);
}

/** A killed Envoy may have left a torn line; appending to it would lose the next click too. */
function beginSegment(spool: string): void {
  const active = path.join(spool, 'clicks.jsonl');
  if (existsSync(active) && statSync(active).size > 0)
    renameSync(active, path.join(spool, `clicks-${Date.now()}.jsonl`));
}

function envoySettings(
  name: EnvoyName,
  { layout, ports, env, instances }: MeshSettings,
  outDir: string,
): Parameters<typeof renderEnvoy>[0] {
  const local = (port: number): { host: string; port: number } => ({ host: '127.0.0.1', port });
  const upstream = (kind: Kind): { host: string; port: number }[] =>
    membersOf(kind, instances).map((part) => local(ports[part]));
  const edge = edges[name];
  const own = loadConfig(localConfig, env);
  return {
    edgeId: edge.id,
    outDir,
    descriptorPath: path.join(checkout, 'gen/hopline.binpb'),
    spoolDir: spoolDir(layout, edge),
    logDir: layout.log,
    publicAddress: { host: env.HOP_HTTP_HOST ?? '127.0.0.1', port: ports[edge.ports.public] },
    internalAddress: local(ports[edge.ports.internal]),
    adminPort: ports[edge.ports.admin],
    stats: local(ports[edge.ports.stats]),
    concurrency: concurrencyOf(env.HOP_ENVOY_CONCURRENCY),
    rateLimits: loadConfig(rateLimitTable, env),
    trustedProxies: own.trustedProxies,
    ...tracesFrom(own),
    publicHost: new URL(publicNames({ env, ports }).HOP_PUBLIC_URL).host,
    hotSet: local(ports[edge.ports.hotSet]),
    upstreams: {
      link: upstream('link'),
      resolver: upstream('resolver'),
      identity: upstream('identity'),
      analytics: upstream('analytics'),
      'gateway-access': upstream('gateway-access'),
    },
  };
}

function concurrencyOf(text: string | undefined): number {
  const wanted = Number(text ?? DEFAULT_CONCURRENCY);
  if (Number.isInteger(wanted) && wanted > 0 && wanted <= 256) return wanted;
  throw new Error(`HOP_ENVOY_CONCURRENCY is ${JSON.stringify(text)}; expected a whole number from 1 to 256.`);
}
