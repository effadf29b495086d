import { rmSync } from 'node:fs';
import path from 'node:path';
import type { Layout } from './layout.ts';
import { removeOutside } from './postgres/home.ts';
import { stopMesh } from './stop-mesh.ts';

/** Stops a mesh and deletes its data, secrets and logs; other things in the folder are left alone. */
export async function deleteState(layout: Layout, say: (line: string) => void): Promise<void> {
  await stopMesh(layout, say);
  removeOutside(layout);
  const compiled = path.join(layout.local, 'compile-cache');
  for (const dir of [layout.data, layout.secrets, layout.run, layout.log, compiled]) {
    rmSync(dir, { recursive: true, force: true });
  }
}
