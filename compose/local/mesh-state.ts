// run/mesh.json: what the supervisor tells the other commands (status, stop, a second start) about the mesh. It contains no secrets.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { PartName, StepName } from './graph.ts';
import type { Layout } from './layout.ts';
import type { Ports } from './ports/ports.ts';
import { livePart, replaceFile } from './supervisor/pid-files.ts';
import type { ProcessIdentity } from './supervisor/processes.ts';
import type { Status } from './supervisor/runner.ts';

export type Phase = 'starting' | 'ready' | 'failed' | 'stopping' | 'stopped';

export interface MeshEvent {
  readonly sequence: number;
  readonly step: StepName | 'failover';
  readonly kind: 'ready' | 'note' | 'died';
  readonly text: string;
  readonly ms?: number;
}

export interface PartState {
  readonly name: PartName;
  readonly status: Status;
  readonly pid?: number;
  readonly port: number;
  readonly since?: number;
  readonly restarts: number;
}

export interface MeshState {
  readonly supervisor: number;
  readonly phase: Phase;
  readonly startedAt: number;
  readonly readyAfterMs?: number;
  /** Why the start failed. */
  readonly failure?: string;
  readonly ports: Ports;
  readonly publicUrl: string;
  readonly parts: readonly PartState[];
  /** Steps of a starting mesh that are not done yet. */
  readonly pending: readonly StepName[];
  /** The newest events; the sequence numbers continue when old ones are dropped. */
  readonly events: readonly MeshEvent[];
}

const file = (layout: Layout): string => path.join(layout.run, 'mesh.json');

export function writeState(layout: Layout, state: MeshState): void {
  replaceFile(file(layout), `${JSON.stringify(state)}\n`);
}

export function readState(layout: Layout): MeshState | undefined {
  try {
    return JSON.parse(readFileSync(file(layout), 'utf8')) as MeshState;
  } catch {
    return undefined;
  }
}

/** The supervisor running this mesh, if there is one. */
export const liveSupervisor = (layout: Layout): ProcessIdentity | undefined => livePart(layout, 'supervisor');
