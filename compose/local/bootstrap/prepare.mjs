import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import path from 'node:path';
import { checkout, installDir, meshNode } from './checkout.mjs';
import { dashboardFiles, generatedCode, kafkaJars, npmPackages, pythonEnvironment } from './installs.mjs';
import { withLock } from './lock.mjs';
import { explain, faults, inspect } from './prerequisites.mjs';

/** Made from what npm installed, in this order. */
const made = [generatedCode, dashboardFiles];

const say = (line) => process.stdout.write(`${line}\n`);

/** Checks the machine and installs what a fresh clone lacks. Does nothing, in well under a second, when all is there. */
export async function prepare() {
  const list = faults(inspect({ installing: stale().some((install) => !made.includes(install)) }));
  if (list.length > 0) {
    process.stderr.write(explain(list));
    process.exit(1);
  }
  if (stale().length === 0) return;
  const waiting = (pid) => say(`Another install is running (process ${pid}); waiting for it.`);
  await withLock(path.join(installDir, 'install.lock'), installAll, waiting);
}

function stale() {
  return [npmPackages, pythonEnvironment, kafkaJars, ...made].filter((install) => !install.current(install.hash()));
}

async function installAll() {
  const todo = stale();
  if (todo.length > 0) say('Installing what is missing (once):');
  const first = todo.filter((install) => !made.includes(install)).map(installOne);
  // All of them end before an error is told, so that none is left running behind it.
  for (const result of await Promise.allSettled(first)) if (result.status === 'rejected') throw result.reason;
  for (const install of made) if (!install.current(install.hash())) await installOne(install);
}

async function installOne(install) {
  const start = performance.now();
  try {
    await install.install(install.hash());
  } catch (error) {
    throw new Error(`Could not install ${install.label}.\n${error.message}`);
  }
  say(`  ${install.label.padEnd(22)} ${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s`);
}

/** Runs a program of the next stage in this terminal, hands signals on, and answers with its exit code. */
export function handOver(command, args, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: checkout, env, stdio: 'inherit' });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

/** Runs `main` of an entry file; a failure becomes one message and exit code 1. */
export async function entry(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

/** kafkajs computes a timeout below zero when nothing is throttled; Node 24 warns each time. */
export const quiet = ['--disable-warning=TimeoutNegativeWarning'];

export { meshNode };
