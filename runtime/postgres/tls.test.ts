import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../telemetry/log.ts';
import { selfSigned } from '../testing/certificate.ts';
import { startPostgres, type TestPostgres } from '../testing/postgres.ts';
import { postgresServerUrl } from '../testing/stores.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { createPool, storeError } from './pool.ts';

const files = temporaryDirectory();
/** For localhost alone: by its address the server has the wrong name. */
const certificate = selfSigned('postgres', { byAddress: false });
const authorities = fileOf('authorities.pem', certificate.certificate);

function fileOf(name: string, content: string): string {
  writeFileSync(join(files, name), content);
  return join(files, name);
}

describe('Postgres over TLS', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres(certificate);
  });
  afterAll(() => postgres?.stop());

  /** What the processes are told: HOP_POSTGRES_PARAMETERS stands behind the question mark (deploy/README.md). */
  async function ask(host: string, parameters: Record<string, string>, server = postgres.url): Promise<unknown> {
    const url = new URL(server);
    url.hostname = host;
    url.search = new URLSearchParams(parameters).toString();
    const pool = createPool(url.href, { max: 1, connectTimeoutMs: 20_000, log: silentLog });
    try {
      return (await pool.query('select ssl, version from pg_stat_ssl where pid = pg_backend_pid()')).rows[0];
    } finally {
      await pool.end();
    }
  }
  const verified = { sslmode: 'verify-full', sslrootcert: authorities };

  it('is asked when its certificate is signed by whom we trust, for the name that we call it by', async () => {
    expect(await ask('localhost', verified)).toEqual({ ssl: true, version: expect.stringMatching(/^TLSv1\.[23]$/) });
  });

  const stranger = fileOf('stranger.pem', selfSigned('stranger').certificate);
  it.each([
    ['another authority', 'localhost', { ...verified, sslrootcert: stranger }, /self-signed certificate/],
    ['nobody that Node trusts', 'localhost', { sslmode: 'verify-full' }, /self-signed certificate/],
    ['the right one, for another name', '127.0.0.1', verified, /does not match certificate's altnames/],
  ])('is not when its certificate is of %s, and the fault says so', async (_, host, parameters, fault) => {
    const error = await ask(host, parameters).catch((cause: unknown) => cause);
    expect(String(error)).toMatch(fault);
    expect(storeError(error)).toMatchObject({ kind: 'unavailable', reason: 'DEPENDENCY_UNAVAILABLE' });
  });

  it('is not asked in plain text where it has no TLS', async () => {
    const error = await ask('127.0.0.1', verified, postgresServerUrl()).catch((cause: unknown) => cause);
    expect(String(error)).toContain('The server does not support SSL connections');
    expect(storeError(error)).toMatchObject({ kind: 'unavailable' });
  });
});
