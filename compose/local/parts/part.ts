import type { PartName, TaskName } from '../graph.ts';
import type { Probe } from '../supervisor/probes.ts';

interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}

/** A process that is kept running. */
export interface Part {
  readonly name: PartName;
  /** Done before every start of the process, restarts included; safe to repeat. */
  readonly prepare: () => void | Promise<void>;
  readonly command: () => Command;
  readonly ready: Probe;
  /** Lets go of all that are connected to it, before it is stopped under load; resolves when nobody comes any more. */
  readonly drain?: () => Promise<void>;
}

/** Something done once per start of the mesh; safe to repeat. Resolves with a few words about what it did. */
export interface Task {
  readonly name: TaskName;
  readonly run: () => Promise<string>;
}
