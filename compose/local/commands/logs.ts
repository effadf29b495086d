import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { isPart, partNames } from '../graph.ts';
import { layoutOf } from '../layout.ts';
import { logFile } from '../supervisor/log-files.ts';

/** `npm run logs -- <part> [-f] [-n lines]`. Several parts may be named; -f follows. */
export async function logs(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { follow: { type: 'boolean', short: 'f' }, lines: { type: 'string', short: 'n', default: '100' } },
  });
  const unknown = positionals.filter((name) => !isPart(name) && name !== 'supervisor');
  if (positionals.length === 0 || unknown.length > 0) {
    process.stderr.write(
      `usage: npm run logs -- <part> [-f] [-n lines], where <part> is one of ${partNames.join(', ')}\n`,
    );
    return 64;
  }
  const files = positionals.map((name) => logFile(layoutOf(), name)).filter((file) => existsSync(file));
  if (files.length === 0) {
    process.stdout.write(`${positionals.join(', ')} has not written anything yet.\n`);
    return 0;
  }
  // -F follows the name, so that a rotated log is followed too.
  return tail([...(values.follow ? ['-F'] : []), '-n', values.lines, ...files]);
}

function tail(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('tail', args, { stdio: 'inherit' });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']));
  });
}
