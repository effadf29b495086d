// Where things are, for the stage that runs before any package is installed. Plain JavaScript without dependencies, for Node 20; under an
// older one it must get as far as to say so, which `import.meta.dirname` would not.
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const checkout = path.resolve(fileURLToPath(new URL('../../..', import.meta.url)));

/** The folder of the local mesh: start.mjs and what it runs. */
export const localDir = path.join(checkout, 'compose', 'local');

/** Installs are kept at the checkout and shared by all meshes started from it. */
export const installDir = path.resolve(process.env.HOP_INSTALL_DIR ?? path.join(checkout, '.local'));

/** The Node (v24, an npm package) under which everything after this stage runs. */
export const meshNode = path.join(checkout, 'node_modules', '.bin', 'node');
