import { parseArgs } from 'node:util';
import { deleteState } from '../delete-state.ts';
import { layoutOf } from '../layout.ts';

/** `npm run reset`: stops the mesh and deletes its state. What was installed stays. */
export async function reset(args: string[]): Promise<number> {
  parseArgs({ args });
  const layout = layoutOf();
  await deleteState(layout, (line) => process.stdout.write(`${line}\n`));
  process.stdout.write(`Deleted the data, secrets and logs in ${layout.local}; what was installed stays.\n`);
  return 0;
}
