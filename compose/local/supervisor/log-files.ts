import {
  closeSync,
  copyFileSync,
  fstatSync,
  globSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs';
import path from 'node:path';
import type { Layout } from '../layout.ts';

/** A log larger than this is rotated when its part starts; one previous log is kept. */
const ROTATED_AT_START = 8 * 1024 * 1024;
/** A log that grows beyond this while its part runs is copied and truncated: the part keeps its file open. */
const BOUND_WHILE_RUNNING = 64 * 1024 * 1024;

export const logFile = (layout: Layout, name: string): string => path.join(layout.log, `${name}.log`);

/** Calls `use` with a file descriptor that appends to a part's log, and the offset at which that begins. */
export function withLog<T>(layout: Layout, name: string, use: (fd: number, from: number) => T): T {
  mkdirSync(layout.log, { recursive: true });
  const file = logFile(layout, name);
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > ROTATED_AT_START) renameSync(file, `${file}.1`);
  const fd = openSync(file, 'a', 0o640);
  try {
    return use(fd, fstatSync(fd).size);
  } finally {
    closeSync(fd);
  }
}

/** Keeps every log in the folder within its limit. One that cannot be handled (a full disk) is retried next time. */
export function boundLogs(layout: Layout): void {
  for (const name of globSync('*.log', { cwd: layout.log })) {
    try {
      boundLog(path.join(layout.log, name));
    } catch {}
  }
}

/** All logs are opened in append mode, so that truncating is safe. Space matters more than the copy: the log is truncated even if the copy fails. */
function boundLog(file: string): void {
  if (statSync(file).size <= BOUND_WHILE_RUNNING) return;
  try {
    copyFileSync(file, `${file}.1`);
  } finally {
    truncateSync(file);
  }
}

/** The last lines of a log, for a message about a part that failed to start; `from` skips earlier output. */
export function tailOf(layout: Layout, name: string, lines: number, from = 0): string {
  try {
    const written = readFileSync(logFile(layout, name));
    // One that was truncated meanwhile has no earlier output.
    const since = from <= written.length ? written.subarray(from) : written;
    return since.toString('utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}
