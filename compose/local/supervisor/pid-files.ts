// run/<part>.pid contains the bare pid, for people and scripts; run/<part>.json identifies the process, so that a pid reused by the system
// is never mistaken for ours.
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Layout } from '../layout.ts';
import { identify, isAlive, type ProcessIdentity } from './processes.ts';

/** Replaces a file atomically, so that a reader sees either the old content or the new. */
export function replaceFile(file: string, content: string, mode = 0o644): void {
  writeFileSync(`${file}.new`, content, { mode });
  renameSync(`${file}.new`, file);
}

export function writePid(layout: Layout, part: string, pid: number): void {
  replaceFile(path.join(layout.run, `${part}.pid`), `${pid}\n`);
  replaceFile(path.join(layout.run, `${part}.json`), `${JSON.stringify(identify(pid) ?? { pid, startedAt: '' })}\n`);
}

export function removePid(layout: Layout, part: string): void {
  rmSync(path.join(layout.run, `${part}.pid`), { force: true });
  rmSync(path.join(layout.run, `${part}.json`), { force: true });
}

/** The live process behind a part's pid file; undefined when there is none or the pid now belongs to another program. */
export function livePart(layout: Layout, part: string): ProcessIdentity | undefined {
  try {
    const identity = JSON.parse(readFileSync(path.join(layout.run, `${part}.json`), 'utf8')) as ProcessIdentity;
    return isAlive(identity) ? identity : undefined;
  } catch {
    return undefined;
  }
}

/** Parts that have a pid file, whether alive or not. */
export function partsWithPid(layout: Layout): string[] {
  try {
    const names = readdirSync(layout.run).filter((name) => name.endsWith('.pid'));
    return names.map((name) => name.slice(0, -'.pid'.length));
  } catch {
    return [];
  }
}
