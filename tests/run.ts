// `npm test`: the static checks and every test (or those named: `npm test -- services/link`). Closes with the one line that counts them.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

const say = (line: string) => process.stdout.write(`${line}\n`);

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** What went wrong beside the tests, in a line each. */
  readonly faults: readonly string[];
  /** What is still to be shown. */
  readonly said: string;
}

/** Runs a program. What it says is shown as it comes, or, of one that runs `beside` another, kept: that one may be drawing on the terminal. */
async function run(command: string, args: string[], { beside = false, env = process.env } = {}) {
  const child = spawn(command, args, { stdio: beside ? ['ignore', 'pipe', 'pipe'] : 'inherit', env });
  const said: Buffer[] = [];
  for (const output of [child.stdout, child.stderr]) output?.on('data', (chunk) => said.push(chunk));
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  return { ok: code === 0, said: Buffer.concat(said).toString() };
}

async function staticChecks(): Promise<Outcome> {
  const faults: string[] = [];
  let all = '';
  for (const script of ['typecheck', 'lint']) {
    const { ok, said } = await run('npm', ['run', '--silent', script], { beside: true });
    if (!ok) faults.push(`failed check: ${script}`);
    all += said;
  }
  return { passed: 0, failed: 0, faults, said: all };
}

interface FileReport {
  readonly status: string;
  readonly assertionResults: readonly { readonly status: string }[];
}

/** A file that failed though none of its tests did: it could not be loaded, or its set-up failed. It counts as one failed test. */
const isBroken = ({ status, assertionResults }: FileReport): boolean =>
  status === 'failed' && assertionResults.every((test) => test.status !== 'failed');

/** Runs vitest and answers its totals; a run without a report, or without a test, is a failed one. */
async function tests(filters: readonly string[], { beside = false } = {}): Promise<Outcome> {
  const file = path.resolve(`.local/test-report${beside ? '-beside' : ''}.json`);
  mkdirSync(path.dirname(file), { recursive: true });
  rmSync(file, { force: true });
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...filters];
  // Processes are started by the hundred: `hop`, and those of each mesh. What one compiled the next need not.
  const env = { ...process.env, NODE_COMPILE_CACHE: path.resolve('.local/test-compile-cache') };
  const { ok, said } = await run('node_modules/.bin/vitest', args, { beside, env });
  const unwell = 'The test run did not end well.';
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    const unread = report.numTotalTests - report.numPassedTests - report.numFailedTests - report.numPendingTests;
    const broken = report.testResults.filter(isBroken).length;
    const faults = ok && report.numPassedTests > 0 ? [] : [unwell];
    return { passed: report.numPassedTests, failed: report.numFailedTests + unread + broken, faults, said };
  } catch {
    return { passed: 0, failed: 0, faults: [unwell], said };
  }
}

const projects = (...names: string[]) => names.flatMap((name) => ['--project', name]);

/** Runs side by side, then shows what the others said than the one that was seen. */
async function step(...runs: Promise<Outcome>[]): Promise<Outcome[]> {
  const outcomes = await Promise.all(runs);
  for (const { said } of outcomes) process.stdout.write(said);
  return outcomes;
}

/**
 * In two steps: the mesh, which uses a fifth of a core when nobody asks it for anything, is started when its tests are next. What goes beside the
 * tests of a step uses the cores while those wait.
 */
async function everything(): Promise<Outcome[]> {
  const first = await step(tests(projects('unit', 'process', 'envoy')), staticChecks());
  const onMesh = tests(projects('alone', 'mesh', 'browser'));
  return [...first, ...(await step(onMesh, tests(projects('apart'), { beside: true })))];
}

const filters = process.argv.slice(2);
const outcomes = filters.length === 0 ? await everything() : [await tests(filters)];
const total = (kind: 'passed' | 'failed') => outcomes.reduce((sum, outcome) => sum + outcome[kind], 0);
const faults = new Set(outcomes.flatMap((outcome) => outcome.faults));
for (const fault of faults) say(fault);
say(`${total('passed')} passed, ${total('failed')} failed`);
process.exitCode = faults.size === 0 ? 0 : 1;
