import { parseArgs } from 'node:util';
import { layoutOf } from '../layout.ts';
import { stopMesh } from '../stop-mesh.ts';

/** `npm stop`. */
export async function stop(args: string[]): Promise<number> {
  parseArgs({ args });
  const stopped = await stopMesh(layoutOf(), (line) => process.stdout.write(`${line}\n`));
  process.stdout.write(stopped ? 'Stopped.\n' : 'No mesh is running.\n');
  return 0;
}
