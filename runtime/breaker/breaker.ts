import CircuitBreaker from 'opossum';
import { type ErrorKind, fromConnectError, unavailable } from '../errors/errors.ts';
import type { Log } from '../telemetry/log.ts';
import { counter, observe } from '../telemetry/metrics.ts';
import { metric } from '../telemetry/schema.ts';

type BreakerState = 'closed' | 'half_open' | 'open';

export interface BreakerOptions {
  /** A call that takes longer has failed. The function itself has to stop too: nothing cancels it. */
  readonly timeoutMs: number;
  /** Five failures within it, without a success in between, open the breaker (default 10,000). */
  readonly rollingWindowMs?: number;
  /**
   * An answer that takes longer is late (default: none is). The breaker opens when for half a second all answers, at least five, were late:
   * a store too slow to wait for costs each caller its timeout. Half a second, because a process that was paused for a moment finds all its
   * answers late at once, which says nothing about the store.
   */
  readonly lateMs?: number;
  /** How long it stays open before one trial call is let through (default 30,000). */
  readonly resetMs?: number;
  /** Which errors mean that the dependency is failing (default: all but those that blame the caller, or say that it left). */
  readonly isFailure?: (error: unknown) => boolean;
  readonly log?: Log;
}

export interface Breaker<Args extends unknown[], Result> {
  readonly name: string;
  readonly state: BreakerState;
  /** Rejects with the function's own error, or UNAVAILABLE when the breaker is open, full or out of time. */
  fire(...args: Args): Promise<Result>;
  /** The dependency was seen to answer, for example by a health check: an open breaker closes without waiting. */
  answersAgain(): void;
  shutdown(): void;
}

/** This many failures, or late answers, in a row open a breaker. */
const enough = 5;
/** Calls in flight; more are refused. */
const mostUnderWay = 1_000;

const gaugeValue: Readonly<Record<BreakerState, number>> = { closed: 0, half_open: 1, open: 2 };
const events = counter(metric.breakerEvents);

/**
 * A circuit breaker around fn. opossum opens by the share of failures, which on a busy path takes thousands of them; here five within the
 * window are enough, so that a dead store costs no more. A success in between resets the count: at thousands of calls a second even a
 * healthy store fails five in ten seconds, and must not be cut off for that.
 */
export function breaker<Args extends unknown[], Result>(
  name: string,
  fn: (...args: Args) => Promise<Result>,
  options: BreakerOptions,
): Breaker<Args, Result> {
  const { resetMs = 30_000, rollingWindowMs = 10_000, isFailure = blamesDependency, log } = options;
  const circuit: CircuitBreaker<Args, Result> = new CircuitBreaker<Args, Result>(fn, {
    name,
    timeout: options.timeoutMs,
    resetTimeout: resetMs,
    rollingCountTimeout: rollingWindowMs,
    capacity: mostUnderWay,
    errorThresholdPercentage: 100,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    // A trial that says nothing about the dependency must not close the breaker.
    errorFilter: (error: unknown) => !isFailure(error) && !(circuit.halfOpen && !isAnswer(error)),
  });
  const failures = failureRun(enough, rollingWindowMs);
  const late = lateRun(enough, options.lateMs);
  let openedAt = 0;
  circuit.on('failure', () => {
    events.add(1, { breaker: name, event: 'failed' });
    if (circuit.closed && failures.failed()) circuit.open();
  });
  circuit.on('success', (answer: unknown, latencyMs: number) => {
    if (!isAnswer(answer)) return;
    failures.reset();
    if (late.answered(latencyMs) && circuit.closed) circuit.open();
  });
  circuit.on('open', () => {
    openedAt = performance.now();
    events.add(1, { breaker: name, event: 'opened' });
    log?.warn({ breaker: name, reset_ms: resetMs }, 'breaker opened');
  });
  circuit.on('close', () => {
    failures.reset();
    late.reset();
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
        throw translate(error, name, Math.max(0, openedAt + resetMs - performance.now()));
      }
    },
    answersAgain() {
      if (!circuit.closed) circuit.close();
    },
    shutdown() {
      release();
      circuit.shutdown();
    },
  };
}

/** The latest failures since the last success. */
function failureRun(limit: number, windowMs: number) {
  const failedAt: number[] = [];
  return {
    /** Records a failure; true when the limit is reached. */
    failed(): boolean {
      const now = performance.now();
      failedAt.push(now);
      if (failedAt.length > limit) failedAt.shift();
      return failedAt.length === limit && now - (failedAt[0] ?? 0) <= windowMs;
    },
    reset(): void {
      failedAt.length = 0;
    },
  };
}

const lateForMs = 500;

/** The late answers since the last one in time. */
function lateRun(limit: number, lateMs = Number.POSITIVE_INFINITY) {
  let count = 0;
  let since = 0;
  return {
    /** Records an answer; true when enough have been late for long enough. */
    answered(latencyMs: number): boolean {
      if (latencyMs <= lateMs) count = 0;
      else if (count++ === 0) since = performance.now();
      return count >= limit && performance.now() - since >= lateForMs;
    },
    reset(): void {
      count = 0;
    },
  };
}

function stateOf(circuit: { readonly closed: boolean; readonly halfOpen: boolean }): BreakerState {
  if (circuit.closed) return 'closed';
  return circuit.halfOpen ? 'half_open' : 'open';
}

const faults: readonly ErrorKind[] = ['unavailable', 'timeout', 'internal'];

/** By the kind of a HopError or of a client's error; any other error counts as a fault. */
const blamesDependency = (error: unknown): boolean => faults.includes(fromConnectError(error).kind);

/** opossum reports an error that isFailure let pass as a success: a refusal is an answer; a full pool, or a caller who left, says nothing. */
function isAnswer(result: unknown): boolean {
  return !(result instanceof Error) || ![...faults, 'canceled'].includes(fromConnectError(result).kind);
}

function translate(error: unknown, name: string, openForMs: number): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (!(error instanceof Error) || !CircuitBreaker.isOurError(error)) return error;
  const retryAfterMs = code === 'EOPENBREAKER' ? Math.max(1_000, openForMs) : 1_000;
  return unavailable('DEPENDENCY_UNAVAILABLE', `${name} does not answer.`, retryAfterMs, error);
}
