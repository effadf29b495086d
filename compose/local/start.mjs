// `npm start`: needs Node 20 and nothing else installed; prepares the checkout, then runs the supervisor on the mesh's own Node.
import path from 'node:path';
import { localDir } from './bootstrap/checkout.mjs';
import { entry, handOver, meshNode, prepare, quiet } from './bootstrap/prepare.mjs';

await entry(async () => {
  await prepare();
  return handOver(meshNode, [...quiet, path.join(localDir, 'main.ts'), 'start', ...process.argv.slice(2)]);
});
