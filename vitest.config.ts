import { defineConfig } from 'vitest/config';

/**
 * What runs on real processes is tried once more on a machine of CI, which others share and which stands still for seconds at times; a fault of ours is one at the
 * second try as well.
 */
const retry = process.env.CI ? 1 : 0;

/**
 * Five kinds of tests: `unit` beside the code (stores on real Postgres and Valkey), `envoy` on the real Envoy, `mesh` on a whole mesh, `browser` in Chromium on
 * the same, and `alone` on it while nobody else uses it.
 */
export default defineConfig({
  // The clients are tested as they are written, not as they are built.
  resolve: { conditions: ['@hopline/source'] },
  ssr: { resolve: { conditions: ['@hopline/source', 'node', 'development|production'] } },
  test: {
    // Days and hours of the machine's zone are in what some tests expect, and not every zone has all of them.
    env: { TZ: 'UTC' },
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            '{proto,runtime,services,gateway,compose,deploy,loadtests,docs,clients/{sdk,cli,dashboard},tests/{faults,formats}}/**/*.test.ts',
          ],
          exclude: ['tests/faults/smoke.test.ts', '**/node_modules/**'],
          globalSetup: ['runtime/testing/global-setup.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'envoy',
          retry,
          include: ['envoy/**/*.test.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'mesh',
          retry,
          include: ['tests/{mesh,contract}/**/*.test.ts'],
          exclude: ['tests/mesh/alone/**', '**/node_modules/**'],
          globalSetup: ['tests/mesh/global-setup.ts'],
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          retry,
          include: ['tests/browser/**/*.test.ts'],
          expect: { poll: { timeout: 15_000 } },
          globalSetup: ['tests/mesh/global-setup.ts'],
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          retry,
          include: ['tests/mesh/alone/**/*.test.ts', 'tests/faults/smoke.test.ts'],
          globalSetup: ['tests/mesh/global-setup.ts'],
          // Last and one after the other, for they stop parts of the mesh, count all that it answers, or hold it to a time.
          sequence: { groupOrder: 2 },
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
