import path from 'node:path';
import type { MeshOptions } from '../../compose/local/mesh.ts';

/** What is added to the ports of each mesh that tests and measurements start: those that run at the same time need ports of their own. */
const offsets = { tests: 0, limits: 2_000, privacy: 4_000, measuring: 0, screenshots: 0 };

/** Folder and ports of such a mesh, beside those of any other. HOP_TEST_DIR and HOP_TEST_PORT_OFFSET move all of them. */
export function placeOf(name: keyof typeof offsets): Pick<MeshOptions, 'dir' | 'portOffset'> {
  const dir = process.env.HOP_TEST_DIR ?? '.local/test-mesh';
  return {
    dir: path.resolve(name === 'tests' ? dir : `${dir}-${name}`),
    portOffset: Number(process.env.HOP_TEST_PORT_OFFSET ?? 10_000) + offsets[name],
  };
}
