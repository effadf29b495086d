import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { instancesFrom, partsOf } from '../graph.ts';
import { checkout, type Layout, layoutOf, makeFolders } from '../layout.ts';
import { liveSupervisor, type MeshState, readState } from '../mesh-state.ts';
import { createProgress, greeting, type Screen } from '../progress.ts';
import { tailOf, withLog } from '../supervisor/log-files.ts';
import { runSupervisor } from '../supervisor/run-supervisor.ts';

const FOLLOW_MS = 100;
/** The supervisor itself gives up a start long before this. */
const FOLLOW_LIMIT_MS = 15 * 60_000;

/** `npm start`: in the foreground until Ctrl-C, or with --detach until the mesh is ready. */
export async function start(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { detach: { type: 'boolean' }, only: { type: 'string' }, background: { type: 'boolean' } },
  });
  const layout = layoutOf();
  makeFolders(layout);
  const wanted = values.only?.split(',').map((name) => name.trim());
  if (values.background) return runSupervisor({ layout, wanted, screen: undefined });
  if (liveSupervisor(layout) !== undefined)
    return showRunning(layout, wanted ?? partsOf(instancesFrom(process.env)), process.stdout);
  if (values.detach) return detach(layout, args, process.stdout);
  return runSupervisor({ layout, wanted, screen: process.stdout });
}

/** A running mesh that has all wanted parts is shown, not started again; for one that is still starting this waits. */
async function showRunning(layout: Layout, wanted: readonly string[], screen: Screen): Promise<number> {
  const missing = missingParts(layout, wanted);
  if (missing.length > 0) {
    process.stderr.write(
      `This mesh runs already, but does not run ${missing.join(', ')}. To start it with them: npm stop, then npm start.\n`,
    );
    return 1;
  }
  screen.write('This mesh runs already.\n');
  return follow(layout, screen, () => liveSupervisor(layout) !== undefined);
}

function missingParts(layout: Layout, wanted: readonly string[]): string[] {
  const state = readState(layout);
  // What a new supervisor finds here, before it has written any state, is that of an earlier one.
  if (state === undefined || state.supervisor !== liveSupervisor(layout)?.pid) return [];
  return wanted.filter((name) => !state.parts.some((part) => part.name === name));
}

/** Starts the supervisor in its own session, without a terminal, and waits until the mesh is ready. */
async function detach(layout: Layout, args: readonly string[], screen: Screen): Promise<number> {
  rmSync(path.join(layout.run, 'mesh.json'), { force: true });
  const main = path.join(checkout, 'compose/local/main.ts');
  const { child, logFrom } = withLog(layout, 'supervisor', (log, from) => ({
    child: spawn(process.execPath, [main, 'start', '--background', ...args.filter((arg) => arg !== '--detach')], {
      cwd: checkout,
      detached: true,
      stdio: ['ignore', log, log],
    }),
    logFrom: from,
  }));
  child.unref();
  let running = true;
  child.once('exit', () => (running = false));
  // Of two concurrent starts one claims the mesh; the other then follows that one.
  return follow(layout, screen, () => running || liveSupervisor(layout) !== undefined, logFrom);
}

/** Prints the progress of a start by another process until it is ready or has failed; its log output begins at `logFrom`. */
async function follow(layout: Layout, screen: Screen, running: () => boolean, logFrom = 0): Promise<number> {
  const progress = createProgress(screen);
  let state: MeshState | undefined;
  let shown = false;
  for (const end = Date.now() + FOLLOW_LIMIT_MS; Date.now() < end; await sleep(FOLLOW_MS)) {
    const alive = running();
    state = readState(layout);
    if (state?.phase === 'starting') {
      progress(state);
      shown = true;
    }
    if (state?.phase === 'ready') {
      if (shown) progress(state);
      screen.write(`\n${greeting(state)}`);
      return 0;
    }
    if (!alive) break;
  }
  const reason = state?.failure ?? tailOf(layout, 'supervisor', 20, logFrom);
  process.stderr.write(`The mesh did not start.\n${reason}\n`);
  return 1;
}
