// A mesh to do harm to, with an account, links, and proxies where a case wants them.
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PartName } from '../../../compose/local/graph.ts';
import { startMesh, type TestMesh } from '../../../compose/local/mesh.ts';
import type { Detours } from '../../../compose/local/parts/services.ts';
import { type PortName, portsFrom } from '../../../compose/local/ports/ports.ts';
import { unlimited } from '../../../compose/testing/unlimited.ts';
import { concurrently } from '../../support/concurrently.ts';
import { describe } from '../load/describe.ts';
import type { Kind } from '../load/ledger.ts';
import { type Load, type LoadPlan, startLoad, type Target } from '../load/load.ts';
import { startProxy, type TcpProxy } from '../proxy/proxy.ts';
import { call, expectStatus } from './front-door.ts';

/** Between these processes and that port stands a proxy. `kafka` and `postgres-replica` as `from`: see Detours. */
export interface ProxyPlace {
  readonly from: readonly PartName[];
  readonly to: PortName;
}

export interface WorldOptions {
  /** Over `faultEnv`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly parts?: readonly PartName[];
  /** By the name under which `world.proxy` gives them. */
  readonly proxies?: Readonly<Record<string, ProxyPlace>>;
  /** How many links are made for loads (default 50 cached, 4,000 cold). */
  readonly links?: { readonly cached: number; readonly cold: number };
}

/** Breakers try again after so long. */
export const breakerResetMs = 5_000;

/**
 * Every mesh of fault cases: no limits by caller; breakers that try again soon; an L1 that holds the cached links and a
 * part of the cold ones, so that the cold ones, asked for in turn, are never there.
 */
const faultEnv = {
  ...unlimited,
  HOP_BREAKER_RESET_MS: String(breakerResetMs),
  HOP_RESOLVER_L1_ENTRIES: '1000',
};

export interface Account {
  readonly email: string;
  readonly password: string;
  readonly token: string;
  readonly refreshToken: string;
  /** All scopes of links and statistics. */
  readonly apiKey: string;
}

export interface World {
  readonly mesh: TestMesh;
  readonly account: Account;
  readonly cached: readonly Target[];
  readonly cold: readonly Target[];
  /** Throws when the case did not ask for a proxy of that name. */
  proxy(name: string): TcpProxy;
  /** A load on this mesh with its links and account; what is given wins. */
  load(plan: Pick<LoadPlan, 'rates' | 'durationMs'> & Partial<LoadPlan>): Promise<Load>;
  /** Makes so many links, none of which is in any L1. */
  makeLinks(count: number): Promise<Target[]>;
  /** A long duration, shrunk by HOP_FAULTS_SCALE. */
  scaled(ms: number): number;
  /** Waits for a long duration, shrunk in the same way. */
  pause(ms: number): Promise<void>;
  /** Takes a part down with SIGKILL for a (scaled) duration; answers when it fell and when it served again. */
  killFor(part: PartName, ms: number): Promise<{ readonly downAt: number; readonly upAt: number }>;
  /** A line for the person who watches the run. */
  say(line: string): void;
  close(): Promise<void>;
}

export const scale = Number(process.env.HOP_FAULTS_SCALE ?? 1);
const dir = path.resolve(process.env.HOP_FAULTS_DIR ?? '.local/faults');
const portOffset = Number(process.env.HOP_FAULTS_PORT_OFFSET ?? 12_500);

/** The rates of a load are requests per second of each kind. */
export type Rates = Partial<Record<Kind, number>>;

/** Starts the mesh; resolves when its links are made and every L1 has the cached ones. */
export async function openWorld(options: WorldOptions, say: (line: string) => void): Promise<World> {
  const proxies = await openProxies(options);
  const closeProxies = async (): Promise<void> =>
    void (await Promise.all([...proxies.values()].map((one) => one.close())));
  let mesh: TestMesh | undefined;
  try {
    mesh = await startMesh({
      dir: path.join(dir, 'mesh'),
      portOffset,
      fresh: true,
      env: { ...faultEnv, ...options.env },
      detours: detoursOf(options, proxies),
      ...(options.parts ? { parts: options.parts } : {}),
    });
    return await furnish(mesh, options, { proxies, closeProxies, say });
  } catch (error) {
    await mesh?.stop();
    await closeProxies();
    throw error;
  }
}

/** The true port of a part of the coming mesh. */
const truePort = (to: PortName): number => portsFrom({ HOP_PORT_OFFSET: String(portOffset) })[to];

async function openProxies({ proxies = {} }: WorldOptions): Promise<Map<string, TcpProxy>> {
  const opened = Object.entries(proxies).map(async ([name, { to }]) => [name, await startProxy(truePort(to))] as const);
  return new Map(await Promise.all(opened));
}

function detoursOf({ proxies: places = {} }: WorldOptions, proxies: ReadonlyMap<string, TcpProxy>): Detours {
  const detours: Detours = {};
  for (const [name, { from, to }] of Object.entries(places))
    for (const part of from) detours[part] = { ...detours[part], [to]: proxies.get(name)?.port };
  return detours;
}

interface Surroundings {
  readonly proxies: ReadonlyMap<string, TcpProxy>;
  readonly closeProxies: () => Promise<void>;
  readonly say: (line: string) => void;
}

async function furnish(
  mesh: TestMesh,
  options: WorldOptions,
  { proxies, closeProxies, say }: Surroundings,
): Promise<World> {
  const account = await newAccount(mesh.url);
  const makeLinks = (count: number): Promise<Target[]> => concurrently(count, 16, () => newLink(mesh.url, account));
  const counts = options.links ?? { cached: 50, cold: 4_000 };
  const cached = await makeLinks(counts.cached);
  const cold = await makeLinks(counts.cold);
  const scaled = (ms: number): number => Math.round(ms * scale);
  const pause = (ms: number): Promise<void> => sleep(scaled(ms));
  // Several times, for there are several resolvers.
  for (let round = 0; round < 8; round++)
    await concurrently(cached.length, 8, (index) => visit(mesh.url, cached[index]));
  return {
    mesh,
    account,
    cached,
    cold,
    proxy(name) {
      const proxy = proxies.get(name);
      if (proxy === undefined) throw new Error(`This world has no proxy ${name}.`);
      return proxy;
    },
    async load(plan) {
      const login = { email: account.email, password: account.password };
      const load = await startLoad({ url: mesh.url, cached, cold, apiKey: account.apiKey, login, ...plan });
      load.done.then(
        (result) => {
          for (const line of describe(result)) say(`    ${line}`);
        },
        () => {},
      );
      return load;
    },
    makeLinks,
    scaled,
    pause,
    async killFor(part, ms) {
      await mesh.hold(part, 'SIGKILL');
      const downAt = Date.now();
      await pause(ms);
      await mesh.release(part);
      return { downAt, upAt: Date.now() };
    },
    say,
    async close() {
      await mesh.stop();
      await closeProxies();
    },
  };
}

async function newAccount(url: string): Promise<Account> {
  const email = `faults.${randomUUID()}@example.org`;
  const password = `correct horse ${randomUUID()}`;
  const { json } = await expectStatus(201, `${url}/api/auth/signup`, { body: { email, password } });
  const scopes = ['links:read', 'links:write', 'links:resolve', 'stats:read'];
  const key = await expectStatus(201, `${url}/api/v1/api-keys`, {
    token: json.token,
    body: { name: 'faults', scopes },
  });
  return { email, password, token: json.token, refreshToken: json.refresh_token, apiKey: key.json.secret };
}

/** Furnishing is not judged: a mesh that has just started, and asks to be tried again, is. */
async function newLink(url: string, { apiKey }: Account): Promise<Target> {
  const destination = `https://example.org/${randomUUID()}`;
  const create = { token: apiKey, body: { long_url: destination } };
  for (let tries = 1; tries < 5; tries++) {
    const { status, json, headers } = await call(`${url}/api/v1/urls`, create);
    if (status === 201) return { code: json.code, destination };
    if (status !== 503) break;
    await sleep(1_000 * Number(headers.get('retry-after') ?? 1));
  }
  const { json } = await expectStatus(201, `${url}/api/v1/urls`, create);
  return { code: json.code, destination };
}

async function visit(url: string, target: Target | undefined): Promise<void> {
  await expectStatus(302, `${url}/${target?.code}`);
}
