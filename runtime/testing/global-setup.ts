import type { TestProject } from 'vitest/node';
import { startPostgres } from './postgres.ts';
import { startValkey } from './valkey.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    hopPostgresUrl: string;
    hopValkeyUrl: string;
  }
}

/** One real Postgres and one real Valkey for all tests of a run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, valkey] = await Promise.all([startPostgres(), startValkey()]);
  project.provide('hopPostgresUrl', postgres.url);
  project.provide('hopValkeyUrl', valkey.url);
  return async () => {
    await Promise.all([postgres.stop(), valkey.stop()]);
  };
}
