// What is measured: a mesh of its own with an account, an API key and links, and the counters that it keeps of itself.
import path from 'node:path';
import { Redis } from 'ioredis';
import { cacheKey } from '#runtime/shortlink/cache-entry.ts';
import { layoutOf } from '../../compose/local/layout.ts';
import { startMesh, type TestMesh } from '../../compose/local/mesh.ts';
import { keepSecrets } from '../../compose/local/secrets.ts';
import type { Generator } from './generator-process.ts';
import type { Job } from './job.ts';
import { CONNECTIONS, createRequest, numbers, type Target } from './requests.ts';

/** So small that links asked for in turn are never found in it, and larger than the set that is to be found there. */
const L1_ENTRIES = 1_000;
/** More than are asked for before the first comes again: a multiple of L1, and what one window needs of cold ones. */
const LINKS = 30_000;

/** A resolver passes the replicas over for so long after its Watch began. */
const SETTLED_MS = 32_000;

const limits = Object.fromEntries(
  ['SIGNUPS_PER_HOUR', 'LOGINS_PER_MINUTE', 'ANONYMOUS_CALLS_PER_MINUTE', 'CALLER_CALLS_PER_MINUTE']
    .concat('UNKNOWN_CODES_PER_MINUTE')
    .map((name) => [`HOP_LIMIT_${name}`, '1000000']),
);

export interface Subject extends Target {
  readonly mesh: TestMesh;
  /** Every process, by part. */
  readonly pids: ReadonlyMap<string, number>;
  /** Codes of links; the destination of the one at `i` is destinationOf(i). */
  readonly codes: readonly string[];
  /** Takes every link out of Redis. */
  emptyRedis(): Promise<void>;
  /** Answers of the resolvers so far, by tier. */
  tiers(): Promise<Record<string, number>>;
  /** Requests that Envoy's public door has seen so far. */
  envoyRequests(): Promise<number>;
  stop(): Promise<void>;
}

export async function startSubject(generator: Generator, say: (line: string) => void): Promise<Subject> {
  const dir = path.resolve(process.env.HOP_LOCAL_DIR ?? '.local/bench-mesh');
  const mesh = await startMesh({
    dir,
    portOffset: Number(process.env.HOP_PORT_OFFSET ?? 14_000),
    fresh: true,
    env: { ...limits, HOP_RESOLVER_L1_ENTRIES: String(L1_ENTRIES) },
  });
  const { ports } = mesh;
  const settled = Date.now() + SETTLED_MS;
  const { passwords } = keepSecrets(layoutOf(dir));
  const redis = new Redis({ host: '127.0.0.1', port: ports.valkey, password: passwords.valkey });
  const stop = async (): Promise<void> => {
    redis.disconnect();
    await mesh.stop();
  };
  try {
    const target = { host: '127.0.0.1', port: ports.envoy, apiKey: await newApiKey(mesh.url) };
    say(`making ${LINKS} links`);
    const codes = await makeLinks(generator, target);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, settled - Date.now())));
    return {
      ...target,
      mesh,
      codes,
      pids: new Map(mesh.state().parts.map(({ name }) => [name, mesh.pid(name)])),
      emptyRedis: () => forget(redis, codes),
      tiers: () => tiersOf([ports['resolver-1-metrics'], ports['resolver-2-metrics']]),
      envoyRequests: () => envoyRequests(ports['envoy-admin']),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function newApiKey(url: string): Promise<string> {
  const id = `${process.pid}-${Date.now()}`;
  const account = { email: `bench-${id}@example.org`, password: `correct horse ${id}`, name: 'Bench' };
  const { token } = await post<{ token: string }>(`${url}/api/auth/signup`, account);
  const wanted = { name: 'bench', scopes: ['links:read', 'links:write'] };
  const { secret } = await post<{ secret: string }>(`${url}/api/v1/api-keys`, wanted, token);
  return secret;
}

async function post<T>(url: string, body: object, token?: string): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    signal: AbortSignal.timeout(15_000),
  });
  const text = await response.text();
  if (response.status !== 201) throw new Error(`POST ${url}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

/** Preparation, not measurement: what a busy machine refused is asked for again. */
async function makeLinks(generator: Generator, target: Target): Promise<string[]> {
  const codes = new Map<string, string>();
  const wanted = numbers(LINKS);
  for (let turn = 0; turn < 5 && codes.size < LINKS; turn++) {
    const values = wanted.filter((value) => !codes.has(value));
    const made = await generator.run(creation(target, values), 'count');
    values.forEach((value, at) => {
      if (made.codes?.[at]?.length === 7) codes.set(value, made.codes[at]);
    });
  }
  if (codes.size < LINKS) throw new Error(`Only ${codes.size} of ${LINKS} links could be made.`);
  return wanted.map((value) => codes.get(value) as string);
}

function creation(target: Target, values: readonly string[]): Job {
  return {
    ...target,
    connections: CONNECTIONS.api,
    request: createRequest(target),
    values,
    expect: { status: 201 },
    seconds: 180,
    requests: values.length,
    collectCodes: true,
  };
}

async function forget(redis: Redis, codes: readonly string[]): Promise<void> {
  for (let at = 0; at < codes.length; at += 1_000) {
    await redis.unlink(codes.slice(at, at + 1_000).map((code) => cacheKey({ domain: 'localhost', code })));
  }
}

async function textOf(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  return response.text();
}

async function tiersOf(ports: readonly number[]): Promise<Record<string, number>> {
  const tiers: Record<string, number> = {};
  for (const port of ports) {
    const text = await textOf(`http://127.0.0.1:${port}/metrics`);
    for (const [, labels = '', count] of text.matchAll(/^hop_resolver_resolutions_total\{(.*)\} (\d+)/gm)) {
      const tier = /tier="([^"]*)"/.exec(labels)?.[1] ?? '';
      tiers[tier] = (tiers[tier] ?? 0) + Number(count);
    }
  }
  return tiers;
}

async function envoyRequests(adminPort: number): Promise<number> {
  const text = await textOf(`http://127.0.0.1:${adminPort}/stats?filter=^http.public.downstream_rq_total$`);
  const count = /downstream_rq_total: (\d+)/.exec(text)?.[1];
  if (count === undefined) throw new Error(`Envoy does not say how many requests it had: ${text}`);
  return Number(count);
}
