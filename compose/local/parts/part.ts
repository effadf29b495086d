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
  /** Runs before every start of the process, including restarts; safe to repeat. */
  readonly prepare: () => void | Promise<void>;
  readonly command: () => Command;
  readonly ready: Probe;
  /** Drains its clients before it is stopped under load; resolves when no new ones arrive. */
  readonly drain?: () => Promise<void>;
}

/** Something done once per start of the mesh; safe to repeat. Resolves with a short summary. */
export interface Task {
  readonly name: TaskName;
  readonly run: () => Promise<string>;
}
