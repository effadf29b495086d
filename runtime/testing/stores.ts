import { inject } from 'vitest';
import type {} from './global-setup.ts';
import { createTestDatabase, type Schema, type TestDatabase } from './postgres.ts';

/** A fresh database of the run's Postgres, with the migrations of the services named; drop it when done. */
export function postgresFor(...schemas: readonly [Schema, ...Schema[]]): Promise<TestDatabase> {
  return createTestDatabase(postgresServerUrl(), ...schemas);
}

/** The run's Postgres, as its superuser. */
export function postgresServerUrl(): string {
  return inject('hopPostgresUrl');
}

/** The run's Valkey, shared by all test files: use keys of your own. */
export function valkeyUrl(): string {
  return inject('hopValkeyUrl');
}
