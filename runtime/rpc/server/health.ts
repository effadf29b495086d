import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { Log } from '../../telemetry/log.ts';
import { observe } from '../../telemetry/metrics.ts';
import { metric } from '../../telemetry/schema.ts';

/** Passes if it resolves. */
export type Check = (signal: AbortSignal) => Promise<unknown>;

export interface Health {
  /** Sets the status of the process as a whole and of each of its services. */
  set(serving: boolean): void;
  /** The results of the last checks, by dependency. */
  dependencies(): Readonly<Record<string, boolean>>;
  stop(): void;
}

interface HealthOptions {
  readonly services: readonly string[];
  readonly checks?: Readonly<Record<string, Check>>;
  readonly log: Log;
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
}

/**
 * grpc.health.v1. The empty name and the services say whether this process accepts calls; it does while a store is down, since its breakers
 * handle that. Its dependencies are reported under the names `dependency/<name>`.
 */
export function serveHealth(server: Server, options: HealthOptions): Health {
  const health = new HealthImplementation();
  health.addToServer(server);
  const up = new Map<string, boolean>();
  const running = new AbortController();
  const release = Object.entries(options.checks ?? {}).map(([name, check]) => {
    up.set(name, false);
    void watch(name, check);
    return observe(metric.dependencyUp, { dependency: name }, () => (up.get(name) ? 1 : 0));
  });

  async function watch(name: string, check: Check): Promise<void> {
    const { intervalMs = 2_000, timeoutMs = 1_000, log } = options;
    let first = true;
    while (!running.signal.aborted) {
      const fault = await attempt(check, timeoutMs);
      const passed = fault === undefined;
      if (running.signal.aborted) return;
      if (up.get(name) !== passed || first) {
        if (passed) log.info({ dependency: name }, 'dependency is up');
        else log.warn({ dependency: name, err: fault }, 'dependency is down');
        health.setStatus(`dependency/${name}`, passed ? 'SERVING' : 'NOT_SERVING');
        up.set(name, passed);
        first = false;
      }
      await sleep(intervalMs, undefined, { signal: running.signal, ref: false }).catch(() => {});
    }
  }

  return {
    set(serving) {
      for (const name of ['', ...options.services]) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
    },
    dependencies: () => Object.fromEntries(up),
    stop() {
      running.abort();
      for (const end of release) end();
    },
  };
}

async function attempt(check: Check, timeoutMs: number): Promise<Error | undefined> {
  const signal = AbortSignal.timeout(timeoutMs);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`no answer in ${timeoutMs} ms`)), { once: true });
  });
  try {
    await Promise.race([check(signal), late]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
