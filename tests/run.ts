// `npm test`: the static checks, then every test (or those named: `npm test -- services/link`). Closes with the one line that counts them.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

const REPORT = path.resolve('.local/test-report.json');
const say = (line: string) => process.stdout.write(`${line}\n`);

/** What went wrong before or beside the tests, by name. */
const staticFaults = (): string[] =>
  ['typecheck', 'lint'].filter(
    (script) => spawnSync('npm', ['run', '--silent', script], { stdio: 'inherit' }).status !== 0,
  );

/** Runs vitest and answers its totals; a run without a report, or without a test, is a failed one. */
function tests(filters: string[]): { passed: number; failed: number; ok: boolean } {
  mkdirSync(path.dirname(REPORT), { recursive: true });
  rmSync(REPORT, { force: true });
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`, ...filters];
  // Processes are started by the hundred: `hop`, and those of each mesh. What one compiled the next need not.
  const env = { ...process.env, NODE_COMPILE_CACHE: path.resolve('.local/test-compile-cache') };
  const ok = spawnSync('node_modules/.bin/vitest', args, { stdio: 'inherit', env }).status === 0;
  try {
    const report = JSON.parse(readFileSync(REPORT, 'utf8'));
    const unread = report.numTotalTests - report.numPassedTests - report.numFailedTests - report.numPendingTests;
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests + unread,
      ok: ok && report.numPassedTests > 0,
    };
  } catch {
    return { passed: 0, failed: 0, ok: false };
  }
}

/** All of them in two runs: the mesh, which uses a fifth of a core when nobody asks it for anything, is started when its tests are next. */
const everything = [
  ['--project', 'unit', '--project', 'envoy'],
  ['--project', 'mesh', '--project', 'browser', '--project', 'alone'],
];

const filters = process.argv.slice(2);
const faults = filters.length === 0 ? staticFaults() : [];
const runs = (filters.length === 0 ? everything : [filters]).map(tests);
const total = (kind: 'passed' | 'failed') => runs.reduce((sum, run) => sum + run[kind], 0);
const ok = runs.every((run) => run.ok);
for (const fault of faults) say(`failed check: ${fault}`);
if (!ok) say('The test run did not end well.');
say(`${total('passed')} passed, ${total('failed')} failed`);
process.exitCode = ok && faults.length === 0 ? 0 : 1;
