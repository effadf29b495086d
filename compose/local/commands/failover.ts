import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Layout, layoutOf } from '../layout.ts';
import { liveSupervisor, type MeshEvent, readState } from '../mesh-state.ts';
import { signal } from '../supervisor/processes.ts';

const POLL_MS = 50;
/** Longer than all of its steps together may take. */
const LIMIT_MS = 60_000;

/** `npm run failover`: promotes the replica. Exit code 0: writes are accepted again; 1: it failed; 3: no mesh is running. */
export async function failover(args: string[]): Promise<number> {
  parseArgs({ args });
  const layout = layoutOf();
  const supervisor = liveSupervisor(layout);
  const from = readState(layout)?.events.at(-1)?.sequence ?? 0;
  if (supervisor === undefined || !signal(supervisor, 'SIGUSR2')) {
    process.stdout.write('No mesh is running. Start one: npm start\n');
    return 3;
  }
  const outcome = await follow(layout, from);
  if (outcome?.kind === 'ready') {
    process.stdout.write(
      '\nThe new replica is being made from it; until that serves, npm run status ends with 1 and names it.\n',
    );
    return 0;
  }
  if (outcome === undefined) process.stderr.write('The supervisor does not say how it went: npm run status\n');
  return 1;
}

/** Prints the events after `from` until the failover has ended; returns the last one, or undefined after a timeout. */
async function follow(layout: Layout, from: number): Promise<MeshEvent | undefined> {
  let seen = from;
  for (const end = Date.now() + LIMIT_MS; Date.now() < end; await sleep(POLL_MS)) {
    for (const event of readState(layout)?.events ?? []) {
      if (event.sequence <= seen) continue;
      seen = event.sequence;
      const took = event.ms === undefined ? '' : ` (${event.ms} ms)`;
      process.stdout.write(`  ${event.step.padEnd(18)} ${event.text || 'serves'}${took}\n`);
      if (event.step === 'failover') return event;
    }
  }
  return undefined;
}
