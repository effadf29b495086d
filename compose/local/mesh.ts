// A mesh for tests: the same supervisor, in the test's process, with its own state and ports.
import path from 'node:path';
import { deleteState } from './delete-state.ts';
import type { PartName } from './graph.ts';
import { type Layout, layoutOf } from './layout.ts';
import type { MeshState } from './mesh-state.ts';
import { openMesh } from './open-mesh.ts';
import type { Detours } from './parts/services.ts';
import { type PortName, type Ports, portsFrom, portVariable } from './ports/ports.ts';
import { tailOf } from './supervisor/log-files.ts';
import type { Supervisor } from './supervisor/supervisor.ts';

export interface MeshOptions {
  /** Where the mesh keeps its state, like `.local`. */
  readonly dir: string;
  /** Added to every default port. */
  readonly portOffset?: number;
  /** Ports that differ from the defaults plus the offset. */
  readonly ports?: Partial<Record<PortName, number>>;
  /** Only these parts; all when absent. */
  readonly parts?: readonly PartName[];
  /** Variables for the processes of the mesh, such as HOP_BREAKER_RESET_MS. The HOP_* of the test's own environment do not reach them. */
  readonly env?: Readonly<Record<string, string>>;
  readonly detours?: Detours;
  /** Deletes what an earlier mesh left in `dir`. */
  readonly fresh?: boolean;
}

export interface TestMesh {
  /** The public listener: http://localhost:<port>. */
  readonly url: string;
  /** The internal listener. */
  readonly internalUrl: string;
  readonly ports: Ports;
  readonly dir: string;
  state(): MeshState;
  /** The pid of a part; throws when it is not running. */
  pid(part: PartName): number;
  /** Sends a signal (SIGKILL by default) to a part, which is restarted if it dies. */
  kill(part: PartName, signal?: NodeJS.Signals): void;
  /** Stops a part cleanly (an Envoy drains its clients first) and restarts it; resolves when it serves. */
  restart(part: PartName): Promise<void>;
  /** Stops a part (with SIGKILL if requested) and keeps it stopped until `release`. */
  hold(part: PartName, signal?: NodeJS.Signals): Promise<void>;
  release(part: PartName): Promise<void>;
  /** Promotes the replica, whether or not the primary is alive; resolves when writes are accepted. */
  failover(): Promise<void>;
  /** Parts that exited by themselves, not by a signal, since the start of the mesh: `link died (code 1); …`. */
  crashes(): readonly string[];
  /** The end of a part's log. */
  log(part: PartName, lines?: number): string;
  stop(): Promise<void>;
}

/** Starts a mesh and resolves when all of it serves. Packages, jars and binaries must be installed (`npm test` takes care of that). */
export async function startMesh(options: MeshOptions): Promise<TestMesh> {
  const layout = layoutOf(options.dir);
  const ports = portsFrom(portEnv(options));
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('HOP_'));
  const env = { ...Object.fromEntries(own), ...options.env };
  const silent = (): void => {};
  if (options.fresh) await deleteState(layout, silent);
  const crashes = watchCrashes();
  const { supervisor, close } = await openMesh({
    layout,
    ports,
    env,
    wanted: options.parts,
    detours: options.detours,
    say: silent,
    changed: crashes.changed,
  });
  // A test run that ends without stopping its mesh must not leave it behind.
  const killAll = (): void => supervisor.killAll();
  process.once('exit', killAll);
  const end = async (): Promise<void> => {
    await supervisor.stop();
    close();
    process.off('exit', killAll);
  };
  try {
    await supervisor.start();
  } catch (error) {
    await end();
    throw error;
  }
  return { ...handle(supervisor, layout, ports, end), crashes: () => [...crashes.told] };
}

function watchCrashes(): { readonly told: readonly string[]; changed(state: MeshState): void } {
  const told: string[] = [];
  let seen = 0;
  return {
    told,
    changed({ events }) {
      for (const { sequence, kind, step, text } of events) {
        if (sequence > seen && kind === 'died' && text.startsWith('died (code')) told.push(`${step} ${text}`);
        seen = Math.max(seen, sequence);
      }
    },
  };
}

function portEnv({ portOffset = 0, ports = {} }: MeshOptions): Record<string, string> {
  const entries = Object.entries(ports).map(([name, port]) => [portVariable(name as PortName), String(port)]);
  return { HOP_PORT_OFFSET: String(portOffset), ...Object.fromEntries(entries) };
}

function handle(
  supervisor: Supervisor,
  layout: Layout,
  ports: Ports,
  stop: () => Promise<void>,
): Omit<TestMesh, 'crashes'> {
  const runner = (part: PartName): ReturnType<Supervisor['runner']> => supervisor.runner(part);
  const pid = (part: PartName): number => {
    const known = runner(part).pid;
    if (known === undefined) throw new Error(`${part} does not run just now.`);
    return known;
  };
  return {
    url: `http://localhost:${ports.envoy}`,
    internalUrl: `http://127.0.0.1:${ports['envoy-internal']}`,
    ports,
    dir: path.resolve(layout.local),
    state: () => supervisor.state(),
    pid,
    kill: (part, signal = 'SIGKILL') => {
      if (!runner(part).signal(signal)) throw new Error(`${part} does not run just now.`);
    },
    restart: async (part) => {
      await runner(part).part.drain?.();
      await runner(part).stop();
      await runner(part).start();
    },
    hold: (part, signal) => runner(part).stop('held', signal),
    release: (part) => runner(part).start(),
    failover: () => supervisor.failover(),
    log: (part, lines = 50) => tailOf(layout, part, lines),
    stop,
  };
}
