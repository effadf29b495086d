// The supervisor process: starts a mesh and stays until it is asked to stop.
import type { Layout } from '../layout.ts';
import { openMesh } from '../open-mesh.ts';
import { portsFrom } from '../ports/ports.ts';
import { createProgress, greeting, type Screen } from '../progress.ts';
import type { Supervisor } from './supervisor.ts';

/** Signals this close together count as one: npm and the terminal both deliver Ctrl-C. */
const SAME_WISH_MS = 1_000;

export interface SupervisorRun {
  readonly layout: Layout;
  readonly wanted: readonly string[] | undefined;
  /** Where progress is shown; undefined in the background. */
  readonly screen: Screen | undefined;
}

/** Runs a mesh until a signal asks it to stop. Resolves with the exit code. */
export async function runSupervisor({ layout, wanted, screen }: SupervisorRun): Promise<number> {
  const say = (text: string): void => void screen?.write(`${text}\n`);
  const changed = screen === undefined ? (): void => {} : createProgress(screen);
  let supervisor: Supervisor | undefined;
  const asked = waitForSignal(screen === undefined, () => supervisor?.killAll());
  const mesh = await openMesh({ layout, ports: portsFrom(process.env), env: process.env, wanted, say, changed });
  supervisor = mesh.supervisor;
  // `npm run failover` sends this signal and reads the outcome from the events in mesh.json.
  process.on('SIGUSR2', () => void supervisor?.failover().catch(() => {}));
  try {
    say(`Starting the mesh in ${layout.local}`);
    await serveUntil(supervisor, asked, say);
    return 0;
  } finally {
    mesh.close();
  }
}

async function serveUntil(supervisor: Supervisor, asked: Promise<void>, say: (text: string) => void): Promise<void> {
  const started = supervisor.start();
  await Promise.race([started.then(() => say(`\n${greeting(supervisor.state())}`)), asked]);
  await asked;
  started.catch(() => {}); // Given up: asked to stop before it was ready.
  say('\nStopping.');
  await supervisor.stop();
  say('Stopped.');
}

/** Resolves at the first request to stop; `force` is called at a second one. In the background, closing the terminal is not a request. */
function waitForSignal(background: boolean, force: () => void): Promise<void> {
  return new Promise((resolve) => {
    let first = 0;
    const wish = (): void => {
      if (first === 0) {
        first = Date.now();
        resolve();
      } else if (Date.now() - first > SAME_WISH_MS) force();
    };
    process.on('SIGINT', wish);
    process.on('SIGTERM', wish);
    process.on('SIGHUP', background ? (): void => {} : wish);
  });
}
