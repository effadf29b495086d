// Keeps one part running: starts it, waits until it serves, restarts it when it dies, and stops it on request.
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { shapeOf } from '../graph.ts';
import type { Layout } from '../layout.ts';
import type { Part } from '../parts/part.ts';
import { tailOf, withLog } from './log-files.ts';
import { removePid, writePid } from './pid-files.ts';
import { identify, type ProcessIdentity, signal, yieldAsGroup } from './processes.ts';

export type Status = 'waiting' | 'starting' | 'ready' | 'died' | 'held' | 'stopping' | 'stopped';

/** Reports on a part to people; `ms` is how long it took. */
export type Reporter = (part: string, kind: 'ready' | 'note' | 'died', text: string, ms?: number) => void;

interface Telling {
  readonly report: Reporter;
  /** Called when the status changes, which is not always worth a report. */
  readonly changed: () => void;
}

interface Running {
  readonly child: ChildProcess;
  readonly identity: ProcessIdentity | undefined;
  readonly exited: Promise<string>;
  /** Where this process's output begins in the log of the part. */
  readonly logFrom: number;
  exit?: string;
}

const PROBE_FIRST_MS = 25;
const PROBE_MOST_MS = 250;
const START_LIMIT_MS = 90_000;
const FIRST_TRIES = 3;
const BACKOFF_FIRST_MS = 250;
const BACKOFF_MOST_MS = 15_000;
/** A process that stayed up this long is restarted without delay. */
const STEADY_MS = 30_000;
/** EX_CONFIG: a process that cannot read its configuration says so once; retrying would not help. */
const EXIT_CONFIG = 'code 78';
const TAIL_LINES = 15;

export class PartRunner {
  readonly part: Part;
  restarts = 0;
  /** When the process was started, in milliseconds since 1970. */
  since: number | undefined;
  readonly #layout: Layout;
  readonly #report: Reporter;
  readonly #changed: () => void;
  #status: Status = 'waiting';
  #running: Running | undefined;
  #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #first = Promise.withResolvers<void>();

  constructor(part: Part, layout: Layout, { report, changed }: Telling) {
    this.part = part;
    this.#layout = layout;
    this.#report = report;
    this.#changed = changed;
  }

  get status(): Status {
    return this.#status;
  }

  #enter(status: Status): void {
    this.#status = status;
    this.#changed();
  }

  get pid(): number | undefined {
    return this.#running?.exit === undefined ? this.#running?.child.pid : undefined;
  }

  /** Starts it and keeps it running. Resolves when it serves for the first time; rejects when it fails to start, or is stopped before. */
  start(): Promise<void> {
    this.#stop = new AbortController();
    this.#first = Promise.withResolvers<void>();
    this.#loop = this.#keep(this.#stop.signal, this.#first);
    return this.#first.promise;
  }

  /** Asks it to stop, and kills it after its time limit; resolves when it is gone. It is not restarted. */
  async stop(
    status: 'stopped' | 'held' = 'stopped',
    how: NodeJS.Signals = shapeOf(this.part.name).stopSignal,
    limitMs: number = shapeOf(this.part.name).stopMs,
  ): Promise<void> {
    this.#stop.abort();
    const running = this.#running;
    if (running !== undefined && running.exit === undefined) {
      this.#enter('stopping');
      this.signal(how);
      const begun = performance.now();
      const timer = setTimeout(() => this.#killHard(), limitMs);
      await running.exited;
      clearTimeout(timer);
      this.#report(this.part.name, 'note', `stopped in ${Math.round(performance.now() - begun)} ms`);
    }
    await this.#loop;
    this.#first.promise.catch(() => {});
    this.#first.reject(new Error(`${this.part.name} was stopped`));
    this.#enter(status);
  }

  /** Sends a signal to the process; false when there is none. */
  signal(name: NodeJS.Signals): boolean {
    const identity = this.#running?.identity;
    if (identity === undefined || this.#running?.exit !== undefined) return false;
    return signal(identity, name);
  }

  #killHard(): void {
    this.#report(this.part.name, 'note', 'did not stop in time; killed');
    this.signal('SIGKILL');
  }

  async #keep(stop: AbortSignal, first: PromiseWithResolvers<void>): Promise<void> {
    let attempt = 0;
    for (let everReady = false; !stop.aborted; this.restarts += 1) {
      const begun = performance.now();
      const failure = await this.#launch(stop, everReady).catch((error: Error) => error.message);
      if (stop.aborted) break;
      let died = failure;
      if (failure === undefined) {
        this.#report(this.part.name, 'ready', everReady ? 'is back' : '', performance.now() - begun);
        everReady = true;
        first.resolve();
        died = `died (${await this.#running?.exited})`;
        if (performance.now() - begun > STEADY_MS) attempt = 0;
      } else if (!everReady && (attempt + 1 >= FIRST_TRIES || failure.includes(EXIT_CONFIG))) {
        first.reject(this.#wouldNotStart(failure));
        break;
      }
      if (stop.aborted) break;
      await this.#backOff(died ?? 'died', attempt, stop);
      attempt += 1;
    }
    await this.#endRest();
  }

  async #backOff(died: string, attempt: number, stop: AbortSignal): Promise<void> {
    const delay = Math.min(BACKOFF_MOST_MS, BACKOFF_FIRST_MS * 2 ** attempt);
    this.#enter('died');
    this.#report(this.part.name, 'died', `${died}; starting it again in ${delay} ms`);
    await sleep(delay, undefined, { signal: stop }).catch(() => {});
  }

  /** A failed launch may have left its process running; that is ended. */
  async #endRest(): Promise<void> {
    const running = this.#running;
    if (running === undefined || running.exit !== undefined || this.status === 'stopping') return;
    this.signal('SIGKILL');
    await running.exited;
  }

  /** One start of the process; undefined when it serves, otherwise what went wrong. */
  async #launch(stop: AbortSignal, everReady: boolean): Promise<string | undefined> {
    this.#enter('starting');
    await this.part.prepare();
    if (stop.aborted) return undefined;
    const running = this.#spawn();
    const limit = performance.now() + START_LIMIT_MS;
    for (let pause = PROBE_FIRST_MS; !stop.aborted; pause = Math.min(PROBE_MOST_MS, pause * 1.5)) {
      await Promise.race([running.exited, sleep(pause)]);
      if (running.exit !== undefined) return `ended with ${running.exit} before it was ready`;
      if (await this.part.ready().catch(() => false)) {
        // A probe's answer counts only if this process is alive to have given it.
        if (running.exit !== undefined) continue;
        this.#enter('ready');
        return undefined;
      }
      // On a restart its dependencies may be down themselves: then it has unlimited time.
      if (!everReady && performance.now() > limit) {
        this.signal('SIGKILL');
        await running.exited;
        return `was not ready after ${START_LIMIT_MS / 1000} s`;
      }
    }
    return undefined;
  }

  /** `nice` replaces itself with the process, so the pid is that of the process. */
  #command() {
    const { file, args, ...rest } = this.part.command();
    const { niceness = 0 } = shapeOf(this.part.name);
    return niceness === 0
      ? { ...rest, file, args }
      : { ...rest, file: 'nice', args: ['-n', String(niceness), file, ...args] };
  }

  #spawn(): Running {
    const { file, args, env, cwd, user } = this.#command();
    const name = this.part.name;
    // In its own session: Ctrl-C in the terminal reaches only the supervisor, which then stops the parts in order.
    const { child, logFrom } = withLog(this.#layout, name, (log, from) => ({
      child: spawn(file, args, { ...user, env: { ...env }, cwd, detached: true, stdio: ['ignore', log, log] }),
      logFrom: from,
    }));
    const exited = new Promise<string>((resolve) => {
      child.once('exit', (code, killed) => resolve(killed ?? `code ${code}`));
      child.once('error', (error) => resolve(error.message));
    });
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    const running: Running = { child, identity, exited, logFrom };
    void exited.then((how) => {
      running.exit = how;
      this.#notePid(() => removePid(this.#layout, name));
    });
    this.since = Date.now();
    this.#running = running;
    const { pid } = child;
    if (pid !== undefined) {
      this.#notePid(() => writePid(this.#layout, name, pid));
      void yieldAsGroup(pid, shapeOf(name).niceness ?? 0);
    }
    return running;
  }

  /** A pid file that cannot be written (a full disk) is reported; the part is supervised all the same. */
  #notePid(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#report(this.part.name, 'note', `its pid file could not be written: ${(error as Error).message}`);
    }
  }

  #wouldNotStart(failure: string): Error {
    const tail = this.#running ? tailOf(this.#layout, this.part.name, TAIL_LINES, this.#running.logFrom) : '';
    const end = tail === '' ? '' : `\nThe end of its log:\n${tail}`;
    return new Error(`${this.part.name} ${failure}.${end}`);
  }
}
