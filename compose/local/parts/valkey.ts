import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { replaceFile } from '../supervisor/pid-files.ts';

/** Writes Valkey's settings; the password is in the file, not on a command line that everybody can list. */
export function prepareValkey(dir: string, port: number, password: string): void {
  mkdirSync(dir, { recursive: true });
  const settings = [
    `port ${port}`,
    'bind 127.0.0.1',
    'protected-mode yes',
    `requirepass ${password}`,
    `dir "${dir}"`,
    'daemonize no',
    // A cache: nothing is written to disk, and when it is full the least frequently used entries go first.
    'save ""',
    'appendonly no',
    'maxmemory 128mb',
    'maxmemory-policy allkeys-lfu',
    'maxclients 1000',
    'tcp-keepalive 60',
    'client-output-buffer-limit normal 16mb 8mb 10',
    'loglevel notice',
  ];
  replaceFile(settingsFile(dir), `${settings.join('\n')}\n`, 0o600);
}

export const settingsFile = (dir: string): string => path.join(dir, 'valkey.conf');
