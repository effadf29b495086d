// Parts that outlived their supervisor (kill -9, a crash): found by their pid files and stopped in order.
import { setTimeout as sleep } from 'node:timers/promises';
import { isPart, type PartName, shapeOf, stopOrder } from './graph.ts';
import type { Layout } from './layout.ts';
import { livePart, partsWithPid, removePid } from './supervisor/pid-files.ts';
import { isAlive, type ProcessIdentity, signal } from './supervisor/processes.ts';

const POLL_MS = 50;
const KILLED_MS = 5_000;

/** Parts that are running without a supervisor. */
export function orphanedParts(layout: Layout): PartName[] {
  return partsWithPid(layout)
    .filter(isPart)
    .filter((part) => livePart(layout, part) !== undefined);
}

/** Stops leftovers of an earlier run and removes their pid files; `say` is called for every process. */
export async function stopOrphans(layout: Layout, say: (line: string) => void): Promise<void> {
  for (const group of stopOrder(orphanedParts(layout))) {
    await Promise.all(group.map((part) => stopOne(layout, part, say)));
  }
  for (const part of partsWithPid(layout)) if (livePart(layout, part) === undefined) removePid(layout, part);
}

async function stopOne(layout: Layout, part: PartName, say: (line: string) => void): Promise<void> {
  const identity = livePart(layout, part);
  if (identity === undefined) return;
  const { stopSignal, stopMs } = shapeOf(part);
  say(`  stopping ${part} of an earlier run (process ${identity.pid})`);
  signal(identity, 'SIGCONT');
  signal(identity, stopSignal);
  if (await goneWithin(identity, stopMs)) return;
  say(`  ${part} did not stop in time; killing it`);
  signal(identity, 'SIGKILL');
  if (!(await goneWithin(identity, KILLED_MS))) throw new Error(`Process ${identity.pid} (${part}) cannot be stopped.`);
}

/** Whether a process is gone within the time. */
export async function goneWithin(identity: ProcessIdentity, ms: number): Promise<boolean> {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(POLL_MS)) if (!isAlive(identity)) return true;
  return !isAlive(identity);
}
