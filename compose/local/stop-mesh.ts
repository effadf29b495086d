import { partNames, shapeOf } from './graph.ts';
import type { Layout } from './layout.ts';
import { liveSupervisor } from './mesh-state.ts';
import { goneWithin, orphanedParts, stopOrphans } from './orphans.ts';
import { removePid } from './supervisor/pid-files.ts';
import { signal } from './supervisor/processes.ts';

/** The longest that a clean stop may take: every part uses all of its time, one after another. */
const STOP_LIMIT_MS = partNames.reduce((sum, part) => sum + shapeOf(part).stopMs, 0);

/** Stops a mesh, whether or not its supervisor is alive; false when nothing was running. */
export async function stopMesh(layout: Layout, say: (line: string) => void): Promise<boolean> {
  const supervisor = liveSupervisor(layout);
  const orphans = supervisor === undefined ? orphanedParts(layout) : [];
  if (supervisor !== undefined) {
    say(`Stopping the mesh (process ${supervisor.pid}).`);
    signal(supervisor, 'SIGTERM');
    if (!(await goneWithin(supervisor, STOP_LIMIT_MS))) {
      say('Its supervisor does not answer; killing it.');
      signal(supervisor, 'SIGKILL');
    }
  }
  await stopOrphans(layout, say);
  removePid(layout, 'supervisor');
  return supervisor !== undefined || orphans.length > 0;
}
