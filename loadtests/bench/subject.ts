// What is measured: a mesh of its own with an account, an API key and links.
import path from 'node:path';
import { Redis } from 'ioredis';
import { cacheKey } from '#runtime/shortlink/cache-entry.ts';
import { layoutOf } from '../../compose/local/layout.ts';
import { startMesh, type TestMesh } from '../../compose/local/mesh.ts';
import { asSuperuser } from '../../compose/local/postgres/postgres.ts';
import { keepSecrets } from '../../compose/local/secrets.ts';
import { unlimited } from '../../compose/testing/unlimited.ts';
import { type Account, newAccount } from './account.ts';
import { type Counters, countersOf } from './counters.ts';
import type { Generator as LoadGenerator } from './generator/generator-process.ts';
import { makeLinks, storeLinks } from './links.ts';
import type { Target } from './requests.ts';

/** A resolver passes the replicas over for so long after its Watch began. */
const SETTLED_MS = 32_000;

export interface Subject extends Target {
  readonly mesh: TestMesh;
  readonly account: Account;
  /** Every process, by part. */
  readonly pids: ReadonlyMap<string, number>;
  /** Codes of links; the destination of the one at `i` is destinationOf(i). */
  readonly codes: readonly string[];
  readonly counters: Counters;
  /** Takes every link out of Redis. */
  emptyRedis(): Promise<void>;
  /** Puts every link back that is not there, as it was when it was made. */
  fillRedis(): Promise<void>;
  stop(): Promise<void>;
}

export interface SubjectOptions {
  readonly generator: LoadGenerator;
  readonly say: (line: string) => void;
  /** For the processes of the mesh. */
  readonly env?: Readonly<Record<string, string>>;
  readonly links: number;
  /** `made` over the API, so that Redis has them; `stored` as rows. */
  readonly how: 'made' | 'stored';
}

export async function startSubject({ generator, say, env = {}, links, how }: SubjectOptions): Promise<Subject> {
  const dir = path.resolve(process.env.HOP_LOCAL_DIR ?? '.local/bench-mesh');
  const portOffset = Number(process.env.HOP_PORT_OFFSET ?? 14_000);
  const mesh = await startMesh({ dir, portOffset, fresh: true, env: { ...unlimited, ...env } });
  const { ports } = mesh;
  const settled = Date.now() + SETTLED_MS;
  const { passwords, codeKeysFile } = keepSecrets(layoutOf(dir));
  const redis = new Redis({ host: '127.0.0.1', port: ports.valkey, password: passwords.valkey });
  const stop = async (): Promise<void> => {
    redis.disconnect();
    await mesh.stop();
  };
  try {
    const account = await newAccount(mesh.url);
    const target = { host: '127.0.0.1', port: ports.envoy, apiKey: account.apiKey };
    say(`${links} links are ${how}`);
    const codes =
      how === 'made'
        ? await makeLinks(generator, target, links)
        : await asSuperuser(passwords, ports.postgres, (db) => storeLinks(db, codeKeysFile, account, links), 'hopline');
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, settled - Date.now())));
    const made = await entriesOf(redis, codes);
    return {
      ...{ ...target, mesh, account, codes, stop },
      pids: new Map(mesh.state().parts.map(({ name }) => [name, mesh.pid(name)])),
      counters: countersOf(ports),
      emptyRedis: () => forget(redis, codes),
      fillRedis: () => restore(redis, made),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const CHUNK = 1_000;
const ENTRY_SECONDS = 3_600;

function* keysOf(codes: readonly string[]): Generator<readonly string[], void> {
  for (let at = 0; at < codes.length; at += CHUNK)
    yield codes.slice(at, at + CHUNK).map((code) => cacheKey({ domain: 'localhost', code }));
}

async function forget(redis: Redis, codes: readonly string[]): Promise<void> {
  for (const keys of keysOf(codes)) await redis.unlink([...keys]);
}

async function entriesOf(redis: Redis, codes: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  const entries = new Map<string, Buffer>();
  for (const keys of keysOf(codes)) {
    const values = await redis.mgetBuffer([...keys]);
    for (const [at, value] of values.entries()) if (value) entries.set(keys[at] as string, value);
  }
  return entries;
}

async function restore(redis: Redis, entries: ReadonlyMap<string, Buffer>): Promise<void> {
  const all = [...entries];
  for (let at = 0; at < all.length; at += CHUNK) {
    const pipeline = redis.pipeline();
    for (const [key, value] of all.slice(at, at + CHUNK)) pipeline.set(key, value, 'EX', ENTRY_SECONDS, 'NX');
    await pipeline.exec();
  }
}
