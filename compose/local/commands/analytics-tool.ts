import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { checkout, type Layout, layoutOf } from '../layout.ts';
import { readState } from '../mesh-state.ts';
import { postgresUrl } from '../postgres/postgres.ts';
import { keepSecrets } from '../secrets.ts';
import { livePart } from '../supervisor/pid-files.ts';

/** `npm run erase`, `npm run reconcile`: on the database of the mesh that runs here, unless another is named. Answers the tool's exit code. */
export function analyticsTool(name: 'erase' | 'reconcile'): (args: string[]) => Promise<number> {
  const file = path.join(checkout, 'services/analytics/retention', `${name}.ts`);
  return async (args) => {
    const env = { ...database(layoutOf()), ...process.env };
    const [code] = await once(spawn(process.execPath, [file, ...args], { env, stdio: 'inherit' }), 'exit');
    return code ?? 1;
  };
}

function database(layout: Layout): Readonly<Record<string, string>> {
  const ports = livePart(layout, 'postgres') && readState(layout)?.ports;
  if (ports === undefined) return {};
  return { HOP_POSTGRES_PRIMARY: postgresUrl('hop_analytics', keepSecrets(layout).passwords, ports.postgres) };
}
