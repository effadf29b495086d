#!/usr/bin/env node
// Installed, `hop` is the one file that was built. In the repository it is the source, on the Node that the repository brings along.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';

const here = path.resolve(import.meta.dirname, '..');
const source = path.join(here, 'src', 'main.ts');

if (existsSync(source)) await runSource();
else await import(new URL('../dist/hop.js', import.meta.url).href);

async function runSource() {
  const checkout = path.resolve(here, '../..');
  const node = path.join(checkout, 'node_modules', '.bin', 'node');
  if (!existsSync(path.join(here, '../sdk/gen'))) {
    process.stderr.write('Making the code from the protos (once) …\n');
    const { status } = spawnSync('npm', ['run', '--silent', 'generate'], { cwd: checkout, stdio: ['ignore', 2, 2] });
    if (status !== 0) process.exit(1);
  }
  const args = [
    '--conditions=@hopline/source',
    '--disable-warning=ExperimentalWarning',
    source,
    ...process.argv.slice(2),
  ];
  const child = spawn(node, args, { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.exitCode = await new Promise((resolve) => {
    child.on('error', (error) => {
      process.stderr.write(`${error.message}\nInstall first: npm install\n`);
      resolve(1);
    });
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}
