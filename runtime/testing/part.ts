import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory of its own for a real part under test, owned by the account that the part runs as. */
export function partDirectory(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), `hopline-${name}-`));
  chmodSync(directory, 0o755);
  if (isRoot) chownSync(directory, unprivileged, unprivileged);
  return directory;
}

/** Postgres refuses to run as root, as it may be in a container; then parts run as nobody. */
const unprivileged = 65_534;
const isRoot = process.getuid?.() === 0;
const account: SpawnOptions = isRoot ? { uid: unprivileged, gid: unprivileged } : {};

export function runPart(command: string, args: readonly string[], environment: Record<string, string> = {}): void {
  const result = spawnSync(command, args, { ...account, encoding: 'utf8', env: { ...process.env, ...environment } });
  if (result.status !== 0) throw new Error(`${command} failed: ${result.stderr || result.error?.message}`);
}

export interface Part {
  readonly process: ChildProcess;
  /** Sends the signal, and SIGKILL when the part has not ended by the limit. */
  stop(signal: NodeJS.Signals, limitMs?: number): Promise<void>;
}

/** Starts a part; what it says is kept, and told when it ends by itself. */
export function startPart(command: string, args: readonly string[], environment: Record<string, string> = {}): Part {
  const child = spawn(command, args, {
    ...account,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stopping = false;
  let said = '';
  const keep = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-8_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.once('exit', (code) => {
    if (!stopping) process.emitWarning(`${command} ended with ${code}: ${said}`);
  });
  // A run that is broken off must not leave its parts behind.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  return {
    process: child,
    async stop(signal, limitMs = 5_000) {
      stopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill(signal);
      const timer = setTimeout(kill, limitMs);
      await ended;
      clearTimeout(timer);
      process.off('exit', kill);
    },
  };
}

export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}
