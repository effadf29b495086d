import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * What runs on real processes is tried once more on a machine of CI, which others share and which stands still for seconds at times; a fault of ours is one at the
 * second try as well.
 */
const retry = process.env.CI ? 1 : 0;

/** Files that start whole meshes or Kafka for themselves, and wait more than they compute. */
const apart = [
  'compose/docker/jobs.test.ts',
  'compose/local/mesh.test.ts',
  'runtime/kafka/{kafka,topics}.test.ts',
  'tests/mesh/privacy.test.ts',
];

const unit = globSync(
  '{proto,runtime,services,gateway,compose,deploy,loadtests,docs,clients/{sdk,cli,dashboard},tests/{faults,formats}}/**/*.test.ts',
  { cwd: import.meta.dirname, exclude: ['tests/faults/smoke.test.ts', ...apart, '**/node_modules/**'] },
);

/** Those of `unit` that look at what is one for a whole process (its metrics, what it uses, who listens to it, modules that are mocked), or start a Kafka. */
const ofProcess = unit.filter((file) =>
  /startMetrics|testing\/kafka|process\.(on|memoryUsage|cpuUsage)\(|vi\.mock\(/.test(
    readFileSync(path.join(import.meta.dirname, file), 'utf8'),
  ),
);

/**
 * Seven kinds of tests: `unit` beside the code (stores on real Postgres and Valkey), of which those in `process` have a process for each file and the others share
 * a few; `envoy` on the real Envoy; `mesh` on a whole mesh, `browser` in Chromium on the same, and `alone` on it while nobody else uses it; `apart` on what they
 * start themselves, one after the other: `npm test` runs these beside those on the mesh.
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
          include: unit.filter((file) => !ofProcess.includes(file)),
          // What many of them import is loaded once: half of the time of them all.
          isolate: false,
          globalSetup: ['runtime/testing/global-setup.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'process',
          include: ofProcess,
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
          exclude: ['tests/mesh/alone/**', ...apart, '**/node_modules/**'],
          globalSetup: ['tests/mesh/global-setup.ts'],
          sequence: { groupOrder: 2 },
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
          globalSetup: ['tests/browser/global-setup.ts', 'tests/mesh/global-setup.ts'],
          sequence: { groupOrder: 2 },
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
          // One after the other, for they stop parts of the mesh, count all that it answers, or hold it to a time.
          sequence: { groupOrder: 1 },
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'apart',
          retry,
          include: apart,
          globalSetup: ['runtime/testing/global-setup.ts'],
          sequence: { groupOrder: 3 },
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
