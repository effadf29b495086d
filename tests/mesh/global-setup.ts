import type { TestProject } from 'vitest/node';
import { startMesh } from '../../compose/local/mesh.ts';
import { unlimited } from '../../compose/testing/unlimited.ts';
import { otherDomain } from '../support/domains.ts';
import { placeOf } from '../support/test-meshes.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    meshUrl: string;
    meshInternalUrl: string;
    meshDir: string;
    meshPorts: Record<string, number>;
  }
}

/** So short that a test can wait for the end, and yet longer than a busy machine stands still. */
const shortWaits = { HOP_REFRESH_GRACE_MS: '5000', HOP_BREAKER_RESET_MS: '1000' };

const start = () =>
  startMesh({
    ...placeOf('tests'),
    fresh: true,
    env: { HOP_DOMAINS: `localhost,${otherDomain}`, ...unlimited, ...shortWaits },
  });

/** Each project has its own copy of this file; what they share hangs on the process. */
const shared = globalThis as { hoplineTestMesh?: { readonly mesh: ReturnType<typeof start>; users: number } };

/** One whole mesh for all tests that need one, of whatever project, beside any other: ports and state of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  shared.hoplineTestMesh ??= { mesh: start(), users: 0 };
  const held = shared.hoplineTestMesh;
  held.users++;
  const mesh = await held.mesh;
  project.provide('meshUrl', mesh.url);
  project.provide('meshInternalUrl', mesh.internalUrl);
  project.provide('meshDir', mesh.dir);
  project.provide('meshPorts', { ...mesh.ports });
  return async () => {
    if (--held.users > 0) return;
    delete shared.hoplineTestMesh;
    await mesh.stop();
  };
}
