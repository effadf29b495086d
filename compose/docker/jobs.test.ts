import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadKeyring, loadServiceIdentity } from '#runtime/caller/keyring.ts';
import { loadConfig } from '#runtime/config/config.ts';
import { createKafka } from '#runtime/kafka/client.ts';
import { migrate } from '#runtime/postgres/migrate.ts';
import { loadCodeKeys } from '#runtime/shortlink/code-keys.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { kafkaIsInstalled, startKafka, type TestKafka } from '#runtime/testing/kafka.ts';
import { startPostgres, type TestPostgres } from '#runtime/testing/postgres.ts';
import { temporaryDirectory } from '#runtime/testing/temporary-directory.ts';
import { startTestServer } from '#runtime/testing/test-server.ts';
import { isServing } from './health.ts';
import { makeRoles } from './roles.ts';
import { writeSecrets } from './secrets.ts';
import { makeClickTopics, topicsConfig } from './topics.ts';

const out = temporaryDirectory();
const environment = (share: string): NodeJS.Dict<string> =>
  parseEnv(readFileSync(join(out, share, 'process.env'), 'utf8'));

describe('secrets, roles and migrations', () => {
  const parameters = 'sslmode=disable&application_name=jobs';
  let postgres: TestPostgres;
  let stores: Parameters<typeof writeSecrets>[1];
  beforeAll(async () => {
    postgres = await startPostgres();
    const port = Number(new URL(postgres.url).port);
    const at = { host: '127.0.0.1', port };
    stores = {
      postgres: at,
      replicas: [at, at],
      valkey: { host: '::1', port: 1 },
      valkeyTls: false,
      valkeyUser: '',
      parameters,
    };
    writeSecrets(out, stores);
  });
  afterAll(() => postgres?.stop());

  it('gives each process keys that it can use', () => {
    for (const issuer of ['link', 'resolver', 'identity', 'analytics', 'gateway-access', 'gateway-edge']) {
      const serviceKeyFile = join(out, issuer, 'service.key.pem');
      const identity = loadServiceIdentity({ serviceKeyFile, callerKeysFile: join(out, issuer, 'callers.json') });
      expect(identity.issuer).toBe(issuer);
    }
    const codes = ['link', 'resolver'].map((share) => join(out, share, 'codes.json'));
    expect(codes.map((file) => loadCodeKeys(file).length)).toEqual([1, 1]);
    expect(new Set(codes.map((file) => readFileSync(file, 'utf8'))).size).toBe(1);
    expect(environment('resolver').HOP_POSTGRES_REPLICAS?.split(',')).toHaveLength(2);
    const urls = [environment('admin').HOP_POSTGRES_ADMIN, environment('link').HOP_POSTGRES_PRIMARY];
    for (const url of urls) expect(new URL(url ?? '').search).toBe(`?${parameters}`);
    expect(environment('link').HOP_REDIS_URL).toMatch(/^redis:\/\/:.+@\[::1\]:1\/0$/);
  });

  it('keeps what is there when it runs again', () => {
    const before = environment('link');
    writeSecrets(out, stores);
    expect(environment('link')).toEqual(before);
  });

  it('speaks to stores that somebody else guards', () => {
    const guarded = temporaryDirectory();
    const read = (share: string, name: string) => readFileSync(join(guarded, share, name), 'utf8');
    const settings = { ...stores, valkeyTls: true, valkeyUser: 'hopline' };
    writeSecrets(guarded, settings);
    const passwords = JSON.parse(read('keep', 'passwords.json'));
    const given = { ...passwords, postgres: 'a #1 p@ss/word', valkey: "it's: 50%" };
    writeFileSync(join(guarded, 'keep/passwords.json'), JSON.stringify(given));
    writeFileSync(join(guarded, 'keep/kafka.password'), 'for Kafka\n');
    writeFileSync(join(guarded, 'keep/authorities.pem'), 'who signed\n');
    writeSecrets(guarded, settings);
    const redis = new URL(parseEnv(read('gateway-access', 'process.env')).HOP_REDIS_URL ?? '');
    expect([redis.protocol, redis.username, decodeURIComponent(redis.password)]).toEqual([
      'rediss:',
      'hopline',
      given.valkey,
    ]);
    const admin = new URL(parseEnv(read('admin', 'process.env')).HOP_POSTGRES_ADMIN ?? '');
    expect(decodeURIComponent(admin.password)).toBe(given.postgres);
    const shares = ['link', 'resolver', 'identity', 'analytics', 'gateway-access', 'gateway-edge', 'admin', 'topics'];
    for (const share of shares) expect(read(share, 'authorities.pem')).toBe('who signed\n');
    const withKafka = shares.filter((share) => existsSync(join(guarded, share, 'kafka.password')));
    expect(withKafka).toEqual(['analytics', 'gateway-edge', 'topics']);
  });

  it("gives everybody a process's next key, and the one before", () => {
    const keysOf = (share: string) => [...loadKeyring(join(out, share, 'callers.json')).keys()];
    const before = keysOf('resolver');
    const own = { serviceKeyFile: join(out, 'link/service.key.pem'), callerKeysFile: join(out, 'link/callers.json') };
    const { keyId: former } = loadServiceIdentity(own);
    writeSecrets(out, stores, { rotate: 'link' });
    const { issuer, keyId } = loadServiceIdentity(own);
    expect(issuer).toBe('link');
    expect(before).toContain(former);
    expect(before).not.toContain(keyId);
    for (const share of ['link', 'resolver']) expect(keysOf(share)).toEqual([...before, keyId]);
  });

  it('says in a line what it has not understood', () => {
    const env = { ...process.env, HOP_POSTGRES_ADDRESS: 'postgres:5432', HOP_VALKEY_ADDRESS: 'valkey:6379' };
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [join(import.meta.dirname, 'secrets.ts'), ...args], { env, encoding: 'utf8' });
    const mistaken = run('--out', temporaryDirectory(), '--rotate', 'nobody');
    expect([mistaken.status, mistaken.stderr]).toEqual([1, expect.stringMatching(/^nobody is none of link, .*\n$/)]);
    expect(run().stderr).toBe('Say where to write: --out DIR.\n');
  });

  it('makes a database that compares text as everywhere, on a server that does so otherwise', async () => {
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    // As an operator such as CloudNativePG makes a server unless it is told otherwise.
    await client.query('drop database hopline');
    await client.query('alter database template1 is_template false');
    await client.query('drop database template1');
    await client.query("create database template1 template template0 locale_provider libc locale 'C' is_template true");
    const { HOP_POSTGRES_ADMIN: admin = '' } = environment('admin');
    await makeRoles({ admin, passwordsFile: join(out, 'admin/passwords.json'), connectionsTimes: 1 });
    const { rows } = await client.query(
      `select pg_encoding_to_char(encoding) as encoding, datlocprovider as provider, datlocale as locale
       from pg_database where datname in ('hopline', current_database())`,
    );
    await client.end();
    const same = { encoding: 'UTF8', provider: 'b', locale: 'C.UTF-8' };
    expect(rows).toEqual([same, same]);
  });

  it('makes roles, once and again, that own what the migrations make', async () => {
    const { HOP_POSTGRES_ADMIN: admin = '' } = environment('admin');
    const passwordsFile = join(out, 'admin/passwords.json');
    await makeRoles({ admin, passwordsFile, connectionsTimes: 1 });
    await makeRoles({ admin, passwordsFile, connectionsTimes: 4 });
    for (const schema of ['link', 'identity', 'analytics']) {
      const { HOP_POSTGRES_PRIMARY: url = '' } = environment(schema);
      const dir = join(import.meta.dirname, '../../services', schema, 'migrations');
      expect((await migrate({ url, dir, schema, log: silentLog })).length).toBeGreaterThan(0);
    }
    const client = new pg.Client({ connectionString: environment('resolver').HOP_POSTGRES_PRIMARY ?? '' });
    await client.connect();
    const { rows } = await client.query("select rolconnlimit from pg_roles where rolname = 'hop_resolver'");
    const { rowCount } = await client.query('select from link.followable');
    await client.end();
    expect(rows).toEqual([{ rolconnlimit: 4 * 24 }]);
    expect(rowCount).toBe(0);
  });
});

it('is refused as configuration when half of what Kafka asks for is set', () => {
  const half = { HOP_KAFKA_BROKERS: '127.0.0.1:1', HOP_KAFKA_USER: 'hopline' };
  const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'topics.ts')], {
    env: half,
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([78, expect.stringContaining('HOP_KAFKA_USER needs HOP_KAFKA_PASSWORD_FILE.')]);
});

describe.skipIf(!kafkaIsInstalled())('topics', () => {
  let kafka: TestKafka;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka?.stop());

  it('makes what is missing and widens what is narrow', async () => {
    for (const partitions of ['2', '6'])
      await makeClickTopics(
        loadConfig(topicsConfig, { HOP_KAFKA_BROKERS: kafka.brokers.join(), HOP_CLICKS_PARTITIONS: partitions }),
      );
    const admin = createKafka({ brokers: kafka.brokers, clientId: 'test', log: silentLog }).admin();
    await admin.connect();
    const { topics: found } = await admin.fetchTopicMetadata({ topics: ['hop.clicks.v1', 'hop.clicks.v1.dead'] });
    await admin.disconnect();
    expect(found.map(({ name, partitions }) => [name, partitions.length]).sort()).toEqual([
      ['hop.clicks.v1', 6],
      ['hop.clicks.v1.dead', 1],
    ]);
  });
});

describe('health', () => {
  it('says whether the process takes calls', async () => {
    const server = await startTestServer({ services: [] });
    const { port } = server.address;
    expect(await isServing(port)).toBe(true);
    server.server.health.set(false);
    expect(await isServing(port)).toBe(false);
    await server.stop();
    expect(await isServing(port)).toBe(false);
  });
});
