// One mesh: its parts and tasks are started in the order of the graph, kept running, and stopped in reverse.
import { type PartName, partNames, type StepName, selectSteps, shapeOf, stopOrder } from '../graph.ts';
import type { Layout } from '../layout.ts';
import type { MeshEvent, MeshState, PartState, Phase } from '../mesh-state.ts';
import type { Mesh } from '../parts/parts.ts';
import type { Ports } from '../ports/ports.ts';
import { boundLogs } from './log-files.ts';
import { PartRunner } from './runner.ts';

const EVENTS_KEPT = 100;
const LOG_CHECK_MS = 30_000;
const TASK_TRIES = 3;

export interface SupervisorOptions {
  readonly layout: Layout;
  readonly ports: Ports;
  readonly publicUrl: string;
  readonly mesh: Mesh;
  /** Only these parts; all of them when absent. */
  readonly wanted?: readonly string[] | undefined;
  /** Called after every change with the whole state. */
  readonly changed: (state: MeshState) => void;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #steps: Map<StepName, StepName[]>;
  readonly #runners: Map<PartName, PartRunner>;
  readonly #pending: Set<StepName>;
  readonly #begun = Date.now();
  #phase: Phase = 'starting';
  #readyAfterMs: number | undefined;
  #failure: string | undefined;
  #events: MeshEvent[] = [];
  #sequence = 0;
  #logTimer: NodeJS.Timeout | undefined;
  #stopped: Promise<void> | undefined;
  #failover: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    const { mesh, layout, wanted } = options;
    this.#options = options;
    this.#steps = selectSteps(wanted);
    this.#pending = new Set(this.#steps.keys());
    const parts = mesh.parts.filter((part) => this.#steps.has(part.name));
    const telling = { report: this.#report.bind(this), changed: this.#changed.bind(this) };
    this.#runners = new Map(parts.map((part) => [part.name, new PartRunner(part, layout, telling)]));
  }

  /** Resolves when every part serves and every task is done. If one fails, all are stopped and this rejects with the reason. */
  async start(): Promise<void> {
    this.#logTimer = setInterval(() => boundLogs(this.#options.layout), LOG_CHECK_MS);
    this.#logTimer.unref();
    const done = new Map<StepName, Promise<void>>();
    const startAfter = (name: StepName): Promise<void> => {
      const known = done.get(name);
      if (known !== undefined) return known;
      const needs = (this.#steps.get(name) ?? []).map(startAfter);
      const own = Promise.all(needs).then(() => this.#startStep(name));
      done.set(name, own);
      return own;
    };
    try {
      await Promise.all([...this.#steps.keys()].map(startAfter));
    } catch (error) {
      if (this.#stopped === undefined) await this.#fail(error as Error);
      throw error;
    }
    if (this.#stopped !== undefined) return;
    this.#readyAfterMs = Date.now() - this.#begun;
    this.#enter('ready');
  }

  async #startStep(name: StepName): Promise<void> {
    if (this.#phase !== 'starting') throw new Error('the start was given up');
    const runner = this.#runners.get(name as PartName);
    if (runner === undefined) await this.#runTask(name);
    else await runner.start();
    this.#pending.delete(name);
    this.#changed();
  }

  async #runTask(name: StepName): Promise<void> {
    const task = this.#options.mesh.tasks.find((candidate) => candidate.name === name);
    if (task === undefined) throw new Error(`Nothing is known about how to do ${name}.`);
    const begun = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.#report(name, 'ready', await task.run(), performance.now() - begun);
        return;
      } catch (error) {
        const message = describe(error);
        if (attempt === TASK_TRIES || this.#phase !== 'starting')
          throw new Error(`${name} failed: ${message}`, { cause: error });
        this.#report(name, 'note', `${message}; trying again`);
      }
    }
  }

  async #fail(error: Error): Promise<void> {
    this.#failure = error.message;
    await this.stop();
    this.#enter('failed');
  }

  /** Stops all parts in order, each within its time limit. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #stopAll(): Promise<void> {
    this.#enter('stopping');
    clearInterval(this.#logTimer);
    for (const group of stopOrder([...this.#runners.keys()])) {
      await Promise.all(group.map((name) => this.#runners.get(name)?.stop()));
      this.#changed();
    }
    this.#enter('stopped');
  }

  /**
   * Promotes the replica. Resolves when writes are accepted; the new replica is created after that. One at a time: concurrent callers get
   * the same result.
   */
  failover(): Promise<void> {
    this.#failover ??= this.#exchangePostgres().finally(() => {
      this.#failover = undefined;
    });
    return this.#failover;
  }

  async #exchangePostgres(): Promise<void> {
    const [primary, replica] = [this.runner('postgres'), this.runner('postgres-replica')];
    const begun = performance.now();
    try {
      if (this.#phase !== 'ready') throw new Error(`A mesh that is ${this.#phase} is not failed over.`);
      await this.#options.mesh.failover(primary, replica, (text) => this.#report('postgres', 'note', text));
    } catch (error) {
      this.#report('failover', 'died', describe(error));
      throw error;
    }
    this.#report('failover', 'ready', 'the replica is the primary now', performance.now() - begun);
    // It retries for as long as necessary, and has its own events.
    void replica.start().catch((error: unknown) => this.#report('postgres-replica', 'died', describe(error)));
  }

  /** Kills what is still running, without waiting; for a second Ctrl-C. */
  killAll(): void {
    for (const runner of this.#runners.values()) runner.signal('SIGKILL');
  }

  /** The runner of one part. Throws when this mesh has no such part. */
  runner(name: PartName): PartRunner {
    const runner = this.#runners.get(name);
    if (runner === undefined) throw new Error(`This mesh does not run ${name}.`);
    return runner;
  }

  state(): MeshState {
    const { ports, publicUrl } = this.#options;
    const names = partNames.filter((name) => this.#runners.has(name));
    return {
      supervisor: process.pid,
      phase: this.#phase,
      startedAt: this.#begun,
      ...(this.#readyAfterMs === undefined ? {} : { readyAfterMs: this.#readyAfterMs }),
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
      ports,
      publicUrl,
      parts: names.map((name) => this.#partState(name, ports)),
      pending: [...this.#pending],
      events: this.#events,
    };
  }

  #partState(name: PartName, ports: Ports): PartState {
    const { status, pid, since, restarts } = this.runner(name);
    const [port] = shapeOf(name).ports;
    return {
      name,
      status,
      ...(pid === undefined ? {} : { pid }),
      port: port === undefined ? 0 : ports[port],
      ...(since === undefined ? {} : { since }),
      restarts,
    };
  }

  #report(step: string, kind: MeshEvent['kind'], text: string, ms?: number): void {
    this.#sequence += 1;
    const event = { sequence: this.#sequence, step: step as MeshEvent['step'], kind, text };
    this.#events = [
      ...this.#events.slice(1 - EVENTS_KEPT),
      ms === undefined ? event : { ...event, ms: Math.round(ms) },
    ];
    this.#changed();
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#changed();
  }

  #changed(): void {
    this.#options.changed(this.state());
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} ${describe(error.cause)}` : error.message;
}
