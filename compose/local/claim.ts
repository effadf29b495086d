import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Layout } from './layout.ts';
import { livePart } from './supervisor/pid-files.ts';
import { identify } from './supervisor/processes.ts';

/** Makes this process the supervisor of a mesh. False when another process is. Of two that try at once one wins: link(2) fails if the file exists. */
export function claimMesh(layout: Layout): boolean {
  const file = path.join(layout.run, 'supervisor.json');
  const own = `${file}.${process.pid}`;
  writeFileSync(own, `${JSON.stringify(identify(process.pid))}\n`);
  try {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      if (tryLink(own, file)) {
        writeFileSync(path.join(layout.run, 'supervisor.pid'), `${process.pid}\n`);
        return true;
      }
      if (livePart(layout, 'supervisor') !== undefined) return false;
      moveAway(file);
    }
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

function tryLink(own: string, file: string): boolean {
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function moveAway(file: string): void {
  const stale = `${file}.stale-${process.pid}`;
  try {
    renameSync(file, stale);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  rmSync(stale, { force: true });
}
