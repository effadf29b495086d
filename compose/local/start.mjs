// `npm start`: needs Node 20 and nothing else installed; prepares the checkout, then runs the supervisor on the mesh's own Node.
import path from 'node:path';
import { entry, handOver, meshNode, prepare, quiet } from './bootstrap/prepare.mjs';

await entry(async () => {
  await prepare();
  return handOver(meshNode, [...quiet, path.join(import.meta.dirname, 'main.ts'), 'start', ...process.argv.slice(2)]);
});
