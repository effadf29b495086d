// What comes before the first part starts: the mesh is claimed, leftovers of an earlier run are stopped, ports are checked, secrets are
// created.
import { claimMesh } from './claim.ts';
import { instancesFrom, isPart, partsOf, selectSteps, shapeOf } from './graph.ts';
import { type Layout, makeFolders } from './layout.ts';
import { type MeshState, writeState } from './mesh-state.ts';
import { stopOrphans } from './orphans.ts';
import { meshOf } from './parts/parts.ts';
import { type Detours, publicNames } from './parts/services.ts';
import { requireFree } from './ports/port-owner.ts';
import type { Ports } from './ports/ports.ts';
import { findPostgresHome } from './postgres/home.ts';
import { keepSecrets } from './secrets.ts';
import { removePid } from './supervisor/pid-files.ts';
import { Supervisor } from './supervisor/supervisor.ts';

export interface OpenOptions {
  readonly layout: Layout;
  readonly ports: Ports;
  /** HOP_* variables in it reach every process of the mesh. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly wanted?: readonly string[] | undefined;
  readonly detours?: Detours | undefined;
  readonly say: (line: string) => void;
  readonly changed: (state: MeshState) => void;
}

export interface OpenMesh {
  readonly supervisor: Supervisor;
  /** Releases the mesh, so that another process can start it. */
  readonly close: () => void;
}

/** Claims a mesh for this process. Throws when another process has it, a port is taken, or a part name is unknown. */
export async function openMesh({ layout, ports, env, say, changed, ...options }: OpenOptions): Promise<OpenMesh> {
  const instances = instancesFrom(env);
  const wanted = options.wanted ?? partsOf(instances);
  const parts = [...selectSteps(wanted).keys()].filter(isPart);
  makeFolders(layout);
  if (!claimMesh(layout)) throw new Error('Another process runs this mesh, or is starting it. See: npm run status');
  const close = (): void => removePid(layout, 'supervisor');
  try {
    await stopOrphans(layout, say);
    await requireFree(
      ports,
      parts.flatMap((part) => shapeOf(part).ports),
    );
    const settings = { layout, ports, env, instances, detours: options.detours, secrets: keepSecrets(layout) };
    const publicUrl = publicNames(settings).HOP_PUBLIC_URL;
    const mesh = meshOf(settings, findPostgresHome(layout));
    const tell = (state: MeshState): void => {
      keepState(layout, state);
      changed(state);
    };
    return { supervisor: new Supervisor({ layout, ports, publicUrl, mesh, wanted, changed: tell }), close };
  } catch (error) {
    close();
    throw error;
  }
}

/** The mesh keeps running when its state cannot be written (a full disk): the file is out of date until the next change. */
function keepState(layout: Layout, state: MeshState): void {
  try {
    writeState(layout, state);
  } catch (error) {
    process.stderr.write(`The state of the mesh could not be written: ${(error as Error).message}\n`);
  }
}
