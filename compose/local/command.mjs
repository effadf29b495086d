// `npm stop`, `npm run status | reset | logs | failover | erase | reconcile | takedown | new-password`: the commands about a mesh that runs, or ran. They install nothing.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { localDir } from './bootstrap/checkout.mjs';
import { entry, handOver, meshNode, quiet } from './bootstrap/prepare.mjs';

await entry(async () => {
  if (!existsSync(meshNode)) {
    process.stdout.write('Nothing is installed here yet, so no mesh runs from this checkout. Start one: npm start\n');
    return 0;
  }
  return handOver(meshNode, [...quiet, path.join(localDir, 'main.ts'), ...process.argv.slice(2)]);
});
