// What the programs share that measure a client on a mesh of its own.
import { startMesh, type TestMesh } from '../../compose/local/mesh.ts';
import { unlimited } from '../../compose/testing/unlimited.ts';
import { placeOf } from './test-meshes.ts';

export const say = (line: string): void => void process.stdout.write(`${line}\n`);
export const ms = (value: number): string => `${Math.round(value)} ms`;

/** Of times in milliseconds, for people. */
export function summary(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return `median ${ms(sorted[Math.floor(sorted.length / 2)] ?? 0)}, worst ${ms(sorted.at(-1) ?? 0)}, of ${sorted.length}`;
}

/** Starts an empty mesh without limits, and stops it whatever becomes of the measurement. */
export async function onMeasuredMesh(measure: (mesh: TestMesh) => Promise<void>): Promise<void> {
  const mesh = await startMesh({ ...placeOf('measuring'), fresh: true, env: unlimited });
  try {
    await measure(mesh);
  } finally {
    await mesh.stop();
  }
}
