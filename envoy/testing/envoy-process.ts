import { type ChildProcess, spawn } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EnvoySettings, renderEnvoy } from '../render.ts';

/** The real Envoy, as compose/local installs it, or the one that HOP_ENVOY_BINARY names. */
export function envoyBinary(): string {
  const named = process.env.HOP_ENVOY_BINARY;
  if (named) return named;
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const [found] = globSync(join(root, '.local/venv/lib/python3*/site-packages/envoy/_bin/envoy'));
  if (found === undefined) throw new Error('There is no Envoy: npm start installs it, or set HOP_ENVOY_BINARY.');
  return found;
}

export interface RunningEnvoy {
  readonly publicPort: number;
  readonly internalPort: number;
  readonly adminPort: number;
  readonly dir: string;
  /** A counter or gauge, by its whole name. */
  stat(name: string): Promise<number>;
  stop(): Promise<void>;
}

export interface TestPorts {
  readonly public: number;
  readonly internal: number;
  readonly admin: number;
}

/** Renders the configuration into a directory of its own, starts an Envoy that takes no unknown field, and waits until it is live. */
export async function startEnvoy(
  ports: TestPorts,
  upstreams: EnvoySettings['upstreams'],
  overrides: Partial<EnvoySettings> = {},
): Promise<RunningEnvoy> {
  const dir = mkdtempSync(join(tmpdir(), 'hop-envoy-'));
  for (const part of ['config', 'spool', 'log']) mkdirSync(join(dir, part));
  const host = '127.0.0.1';
  const { args } = renderEnvoy({
    outDir: join(dir, 'config'),
    descriptorPath: fileURLToPath(new URL('../../gen/hopline.binpb', import.meta.url)),
    spoolDir: join(dir, 'spool'),
    logDir: join(dir, 'log'),
    publicAddress: { host, port: ports.public },
    internalAddress: { host, port: ports.internal },
    adminPort: ports.admin,
    upstreams,
    concurrency: 1,
    ...overrides,
  });
  const log = openSync(join(dir, 'log', 'envoy.log'), 'w');
  // In routes and in what it is told while it runs Envoy only logs a field that it does not know; a test is to find it.
  const child = spawn(envoyBinary(), [...args, '--reject-unknown-dynamic-fields'], { stdio: ['ignore', log, log] });
  const admin = `http://${host}:${ports.admin}`;
  await live(child, `${admin}/ready`, join(dir, 'log', 'envoy.log'));
  return {
    publicPort: ports.public,
    internalPort: ports.internal,
    adminPort: ports.admin,
    dir,
    stat: async (name) => {
      const response = await fetch(`${admin}/stats?format=json&filter=${encodeURIComponent(`^${name}$`)}`);
      const { stats } = (await response.json()) as { stats: { name: string; value: number }[] };
      return stats.find((stat) => stat.name === name)?.value ?? 0;
    },
    stop: async () => {
      await ended(child);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function live(child: ChildProcess, url: string, log: string): Promise<void> {
  const until = Date.now() + 15_000;
  while (Date.now() < until) {
    if (child.exitCode !== null) throw new Error(`Envoy ended with ${child.exitCode}; see ${log}.`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await ended(child);
  throw new Error(`Envoy was not live within 15 s; see ${log}.`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await exit;
  clearTimeout(kill);
}
