import CircuitBreaker from 'opossum';
import { HopError, unavailable } from '../errors/errors.ts';
import type { Log } from '../telemetry/log.ts';
import { counter, observe } from '../telemetry/metrics.ts';
import { metric } from '../telemetry/schema.ts';

type BreakerState = 'closed' | 'half_open' | 'open';

export interface BreakerOptions {
  /** A call that takes longer has failed. The function itself has to give up too: nothing stops it. */
  readonly timeoutMs: number;
  /** How many failures in the window open the breaker (default 5). */
  readonly volumeThreshold?: number;
  /** Which share of the window's calls must have failed as well, in percent (default 0: the count decides). */
  readonly errorThreshold?: number;
  readonly rollingWindowMs?: number;
  /** How long it stays open before one call may try again (default 30,000). */
  readonly resetMs?: number;
  /** Calls under way at once; more are refused (default 1,000). */
  readonly maxConcurrent?: number;
  /** Which errors say that the dependency is ill (default: all but a HopError that blames the caller). */
  readonly isFailure?: (error: unknown) => boolean;
  readonly log?: Log;
}

export interface Breaker<Args extends unknown[], Result> {
  readonly name: string;
  readonly state: BreakerState;
  /** Rejects with the function's own error, or UNAVAILABLE when the breaker is open, full or out of time. */
  fire(...args: Args): Promise<Result>;
  shutdown(): void;
}

const gaugeValue: Readonly<Record<BreakerState, number>> = { closed: 0, half_open: 1, open: 2 };
const events = counter(metric.breakerEvents);

/**
 * A circuit breaker around fn. opossum opens by the share of failures, which on a busy path needs thousands of them; here
 * the count within the window decides, so that a dead store costs a handful of time-outs.
 */
export function breaker<Args extends unknown[], Result>(
  name: string,
  fn: (...args: Args) => Promise<Result>,
  options: BreakerOptions,
): Breaker<Args, Result> {
  const { resetMs = 30_000, rollingWindowMs = 10_000, isFailure = blamesDependency, log } = options;
  const circuit = new CircuitBreaker<Args, Result>(fn, {
    name,
    timeout: options.timeoutMs,
    resetTimeout: resetMs,
    rollingCountTimeout: rollingWindowMs,
    capacity: options.maxConcurrent ?? 1_000,
    errorThresholdPercentage: 100,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    errorFilter: (error: unknown) => !isFailure(error),
  });
  const mayOpen = openingRule(circuit, options);
  let openedAt = 0;
  circuit.on('failure', () => {
    events.add(1, { breaker: name, event: 'failed' });
    if (circuit.closed && mayOpen.failed()) circuit.open();
  });
  circuit.on('open', () => {
    openedAt = Date.now();
    events.add(1, { breaker: name, event: 'opened' });
    log?.warn({ breaker: name, reset_ms: resetMs }, 'breaker opened');
  });
  circuit.on('close', () => {
    mayOpen.reset();
    events.add(1, { breaker: name, event: 'closed' });
    log?.info({ breaker: name }, 'breaker closed');
  });
  circuit.on('reject', () => events.add(1, { breaker: name, event: 'rejected' }));
  circuit.on('timeout', () => events.add(1, { breaker: name, event: 'timed_out' }));
  const release = observe(metric.breakerState, { breaker: name }, () => gaugeValue[stateOf(circuit)]);
  return {
    name,
    get state() {
      return stateOf(circuit);
    },
    async fire(...args) {
      try {
        return await circuit.fire(...args);
      } catch (error) {
        throw translate(error, name, Math.max(0, openedAt + resetMs - Date.now()));
      }
    },
    shutdown() {
      release();
      circuit.shutdown();
    },
  };
}

function openingRule<Args extends unknown[], Result>(circuit: CircuitBreaker<Args, Result>, options: BreakerOptions) {
  const { volumeThreshold = 5, errorThreshold = 0, rollingWindowMs = 10_000 } = options;
  const failures: number[] = [];
  return {
    /** Notes a failure; true when it is the one that opens the breaker. */
    failed(): boolean {
      const now = Date.now();
      failures.push(now);
      if (failures.length > volumeThreshold) failures.shift();
      if (failures.length < volumeThreshold || now - (failures[0] ?? 0) > rollingWindowMs) return false;
      const { fires, failures: failed } = circuit.stats;
      return errorThreshold === 0 || (fires > 0 && (failed / fires) * 100 >= errorThreshold);
    },
    reset(): void {
      failures.length = 0;
    },
  };
}

function stateOf(circuit: { readonly closed: boolean; readonly halfOpen: boolean }): BreakerState {
  if (circuit.closed) return 'closed';
  return circuit.halfOpen ? 'half_open' : 'open';
}

function blamesDependency(error: unknown): boolean {
  return !(error instanceof HopError) || ['unavailable', 'timeout', 'internal'].includes(error.kind);
}

function translate(error: unknown, name: string, openForMs: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (!(error instanceof Error) || !CircuitBreaker.isOurError(error)) return error;
  const retryAfterMs = code === 'EOPENBREAKER' ? Math.max(1_000, openForMs) : 1_000;
  return unavailable('DEPENDENCY_UNAVAILABLE', `${name} does not answer.`, retryAfterMs, error);
}
