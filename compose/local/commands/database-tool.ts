import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { checkout, type Layout, layoutOf } from '../layout.ts';
import { readState } from '../mesh-state.ts';
import { postgresUrl } from '../postgres/postgres.ts';
import { keepSecrets } from '../secrets.ts';
import { livePart } from '../supervisor/pid-files.ts';

/** The tools that work on a service's tables, with its role. */
const tools = {
  erase: ['services/analytics/retention/erase.ts', 'hop_analytics'],
  reconcile: ['services/analytics/retention/reconcile.ts', 'hop_analytics'],
  takedown: ['services/link/takedowns/takedown.ts', 'hop_link'],
  'new-password': ['services/identity/accounts/new-password.ts', 'hop_identity'],
} as const;

type Role = (typeof tools)[keyof typeof tools][1];

/** `npm run erase` and the like: on the database of the local mesh, unless another is given. Returns the tool's exit code. */
export function databaseTool(name: keyof typeof tools): (args: string[]) => Promise<number> {
  const [source, role] = tools[name];
  const file = path.join(checkout, source);
  return async (args) => {
    const env = { ...database(layoutOf(), role), ...process.env };
    const [code] = await once(spawn(process.execPath, [file, ...args], { env, stdio: 'inherit' }), 'exit');
    return code ?? 1;
  };
}

function database(layout: Layout, role: Role): Readonly<Record<string, string>> {
  const ports = livePart(layout, 'postgres') && readState(layout)?.ports;
  if (ports === undefined) return {};
  return { HOP_POSTGRES_PRIMARY: postgresUrl(role, keepSecrets(layout).passwords, ports.postgres) };
}
