// Where things are, for the stage that runs before any package is installed. Plain JavaScript for Node 20, no dependencies.
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const checkout = path.resolve(fileURLToPath(new URL('../../..', import.meta.url)));

/** Installs are kept at the checkout and shared by all meshes started from it. */
export const installDir = path.resolve(process.env.HOP_INSTALL_DIR ?? path.join(checkout, '.local'));

/** The Node (v24, an npm package) under which everything after this stage runs. */
export const meshNode = path.join(checkout, 'node_modules', '.bin', 'node');
