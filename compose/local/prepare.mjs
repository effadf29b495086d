// `node compose/local/prepare.mjs [command …]`: prepares the checkout like `npm start`, then runs a command of node_modules/.bin (`npm test` does).
import path from 'node:path';
import { entry, handOver, meshNode, prepare } from './bootstrap/prepare.mjs';

await entry(async () => {
  await prepare();
  const [command, ...args] = process.argv.slice(2).filter((arg, index) => index > 0 || arg !== '--');
  if (command === undefined) return 0;
  const bin = path.dirname(meshNode);
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}` };
  return handOver(path.join(bin, command), args, env);
});
