import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const hopFile = fileURLToPath(new URL('../../clients/cli/bin/hop.mjs', import.meta.url));

interface HopProcess {
  readonly child: ChildProcess;
  readonly output: { out: string; err: string };
  /** With what it ended. */
  readonly ended: Promise<number | null>;
}

/** Runs `hop` as a person does who has the repository. Without input its stdin stays open. */
export function startHop(
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
  input?: string,
): HopProcess {
  const child = spawn(process.execPath, [hopFile, ...args], {
    env: { ...process.env, NO_COLOR: '1', TZ: 'UTC', ...variables },
  });
  const output = { out: '', err: '' };
  child.stdout?.on('data', (chunk) => {
    output.out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    output.err += chunk;
  });
  if (input !== undefined) child.stdin?.end(input);
  return { child, output, ended: new Promise((resolve) => child.on('close', resolve)) };
}
