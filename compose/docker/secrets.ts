// Creates the secrets of a mesh in containers: a folder for each process, with only what it may know. Existing ones are kept, so that the
// job can run before every start; --rotate NAME and --retire NAME change them (docs/runbook.md, Keys).
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type Address, address, addresses, bool, type ConfigOf, defineConfig, text } from '#runtime/config/config.ts';
import { mainConfig } from '#runtime/rpc/serve.ts';
import { layoutOf } from '../local/layout.ts';
import { keepSecrets, type Passwords, type SecretChanges, type Secrets } from '../local/secrets.ts';
import { replaceFile } from '../local/supervisor/pid-files.ts';

/** Where the stores are, for the URLs with their passwords. */
const secretsConfig = defineConfig({
  postgres: address('HOP_POSTGRES_ADDRESS'),
  replicas: addresses('HOP_POSTGRES_REPLICA_ADDRESSES', { default: [] }),
  /** Appended after the `?` of every Postgres URL, for example `sslmode=verify-full`. */
  parameters: text('HOP_POSTGRES_PARAMETERS', { pattern: /^[\w.~%/:,+-]+=[^\s#'"`]*$/, default: '' }),
  valkey: address('HOP_VALKEY_ADDRESS'),
  valkeyTls: bool('HOP_VALKEY_TLS', { default: false }),
  valkeyUser: text('HOP_VALKEY_USER', { pattern: /^[\w.-]+$/, default: '' }),
});

/** What an operator puts into `keep/` if the stores require it: the password of the Kafka user, and the certificate authorities. */
const GIVEN = { kafka: 'kafka.password', all: 'authorities.pem' } as const;

interface Share {
  readonly role?: keyof Passwords;
  readonly replicas?: boolean;
  readonly valkey?: boolean;
  readonly kafka?: boolean;
  readonly keys?: 'codes.json' | 'jwt.json';
}

const SHARES = {
  link: { role: 'hop_link', valkey: true, keys: 'codes.json' },
  resolver: { role: 'hop_resolver', replicas: true, valkey: true, keys: 'codes.json' },
  identity: { role: 'hop_identity', keys: 'jwt.json' },
  analytics: { role: 'hop_analytics', replicas: true, kafka: true },
  'gateway-access': { valkey: true },
  'gateway-edge': { kafka: true },
} as const satisfies Readonly<Record<string, Share>>;

/** Writes `<out>/<process>/` for every process, store and job, and `<out>/keep/`, from which all are derived: protect that one. */
export function writeSecrets(out: string, stores: ConfigOf<typeof secretsConfig>, changes: SecretChanges = {}): void {
  const keep = path.join(out, 'keep');
  mkdirSync(keep, { recursive: true, mode: 0o700 });
  const secrets = keepSecrets({ ...layoutOf(out), secrets: keep }, changes);
  const { passwords } = secrets;
  const given = (share: Share): Record<string, string> => {
    const names = [GIVEN.all, ...(share.kafka ? [GIVEN.kafka] : [])];
    const there = names.map((name) => [name, path.join(keep, name)]).filter(([, file = '']) => existsSync(file));
    return Object.fromEntries(there);
  };
  const parameters = stores.parameters === '' ? '' : `?${stores.parameters}`;
  const url = (role: keyof Passwords, at: Address, database = 'hopline'): string =>
    `postgres://${role}:${encodeURIComponent(passwords[role])}@${hostPort(at)}/${database}${parameters}`;
  const { valkeyTls, valkeyUser } = stores;
  const valkey = `${valkeyTls ? 'rediss' : 'redis'}://${valkeyUser}:${encodeURIComponent(passwords.valkey)}@${hostPort(stores.valkey)}/0`;
  for (const [name, share] of Object.entries<Share>(SHARES)) {
    const { role } = share;
    const environment = {
      ...(role === undefined ? {} : { HOP_POSTGRES_PRIMARY: url(role, stores.postgres) }),
      ...(role && share.replicas ? { HOP_POSTGRES_REPLICAS: stores.replicas.map((at) => url(role, at)).join() } : {}),
      ...(share.valkey ? { HOP_REDIS_URL: valkey } : {}),
    };
    const files = { ...filesOf(name as keyof typeof SHARES, secrets), ...given(share) };
    writeShare(path.join(out, name), environment, files);
  }
  const admin = { HOP_POSTGRES_ADMIN: url('postgres', stores.postgres, 'postgres') };
  writeShare(path.join(out, 'admin'), admin, { 'passwords.json': path.join(keep, 'passwords.json'), ...given({}) });
  writeShare(path.join(out, 'topics'), {}, given({ kafka: true }));
  writeStores(out, passwords);
}

function filesOf(name: keyof typeof SHARES, secrets: Secrets): Record<string, string> {
  const { keys }: Share = SHARES[name];
  return {
    'service.key.pem': secrets.keyFile(name),
    'callers.json': secrets.callerKeysFile,
    ...(keys === 'codes.json' ? { [keys]: secrets.codeKeysFile } : {}),
    ...(keys === 'jwt.json' ? { [keys]: secrets.jwtKeysFile } : {}),
  };
}

/** process.env as read by `node --env-file`. */
function writeShare(dir: string, environment: Record<string, string>, files: Record<string, string>): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const lines = Object.entries(environment).map(([name, value]) => `${name}=${value}\n`);
  replaceFile(path.join(dir, 'process.env'), lines.join(''), 0o600);
  for (const [name, from] of Object.entries(files))
    replaceFile(path.join(dir, name), readFileSync(from, 'utf8'), 0o600);
}

/** The stores' images have their own users, who must be able to read; the folder is mounted only in that container. */
function writeStores(out: string, { postgres, hop_replication, valkey }: Passwords): void {
  const stores = {
    postgres: { password: postgres },
    'postgres-replica': { 'replication.password': hop_replication },
    valkey: { password: valkey, 'valkey.conf': `requirepass ${valkey}` },
  };
  for (const [store, files] of Object.entries(stores)) {
    mkdirSync(path.join(out, store), { recursive: true, mode: 0o755 });
    for (const [name, content] of Object.entries(files)) replaceFile(path.join(out, store, name), `${content}\n`);
  }
}

const hostPort = ({ host, port }: Address): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

if (import.meta.main) {
  const stores = mainConfig(secretsConfig);
  const option = { type: 'string' } as const;
  try {
    const { out, ...changes } = parseArgs({ options: { out: option, rotate: option, retire: option } }).values;
    if (out === undefined) throw new Error('Say where to write: --out DIR.');
    writeSecrets(out, stores, changes);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
