// What is measured: a mesh of its own with an account, an API key and links.
import path from 'node:path';
import { Redis } from 'ioredis';
import { cacheKey } from '#runtime/shortlink/cache-entry.ts';
import { layoutOf } from '../../compose/local/layout.ts';
import { startMesh, type TestMesh } from '../../compose/local/mesh.ts';
import { asSuperuser } from '../../compose/local/postgres.ts';
import { keepSecrets } from '../../compose/local/secrets.ts';
import { type Account, newAccount } from './account.ts';
import { type Counters, countersOf } from './counters.ts';
import type { Generator } from './generator-process.ts';
import { makeLinks, storeLinks } from './links.ts';
import type { Target } from './requests.ts';

/** A resolver passes the replicas over for so long after its Watch began. */
const SETTLED_MS = 32_000;

const limits = Object.fromEntries(
  ['SIGNUPS_PER_HOUR', 'LOGINS_PER_MINUTE', 'ANONYMOUS_CALLS_PER_MINUTE', 'CALLER_CALLS_PER_MINUTE']
    .concat('UNKNOWN_CODES_PER_MINUTE')
    .map((name) => [`HOP_LIMIT_${name}`, '1000000']),
);

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
  stop(): Promise<void>;
}

export interface SubjectOptions {
  readonly generator: Generator;
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
  const mesh = await startMesh({ dir, portOffset, fresh: true, env: { ...limits, ...env } });
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
    return {
      ...{ ...target, mesh, account, codes, stop },
      pids: new Map(mesh.state().parts.map(({ name }) => [name, mesh.pid(name)])),
      counters: countersOf(ports),
      emptyRedis: () => forget(redis, codes),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function forget(redis: Redis, codes: readonly string[]): Promise<void> {
  for (let at = 0; at < codes.length; at += 1_000) {
    await redis.unlink(codes.slice(at, at + 1_000).map((code) => cacheKey({ domain: 'localhost', code })));
  }
}
