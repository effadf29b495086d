// More redirects than a mesh can answer, from a process of its own: raw sockets, one request in flight on each. An arrival
// takes a connection that is free, opens one, or, at the bound, has failed: nobody queues in the generator.
import { fork } from 'node:child_process';

export interface FloodPlan {
  readonly port: number;
  /** Asked for in turn. */
  readonly paths: readonly string[];
  /** Arrivals per second, evenly spaced. */
  readonly rate: number;
  readonly durationMs: number;
  readonly mostConnections: number;
}

/** Arrivals of one second, by what became of them. */
export interface Second {
  /** Arrivals that were due. */
  readonly due: number;
  /** Answered 302 within a second of the moment when they were due. */
  readonly good: number;
  /** Answered 302 later. */
  readonly late: number;
  /** Answered 503. */
  readonly shed: number;
  /** Another status, no answer in 2 s, a connection that broke. */
  readonly broken: number;
  /** No connection was free, and no more may be opened. */
  readonly unsent: number;
}

export interface FloodResult {
  readonly seconds: readonly Second[];
  /** CPU of the generator itself, in cores. */
  readonly generatorCores: number;
  /** Of what was followed in time, ms. */
  readonly p99: number;
}

/** Runs the flood to its end; rejects when the generator fails. */
export function flood(plan: FloodPlan): Promise<FloodResult> {
  const child = fork(new URL('./flood-process.ts', import.meta.url), { serialization: 'advanced' });
  const { promise, resolve, reject } = Promise.withResolvers<FloodResult>();
  child.once('message', (result) => resolve(result as FloodResult));
  child.once('error', reject);
  child.once('exit', (code) => reject(new Error(`The flood ended without a result (${code}).`)));
  child.send(plan);
  return promise;
}
