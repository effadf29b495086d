// More redirects than a mesh can answer, from a process of its own: raw sockets, one request in flight on each. An arrival
// takes a connection that is free, opens one, or, at the bound, has failed: nobody queues in the generator.
import { fork } from 'node:child_process';

export interface FloodPlan {
  readonly port: number;
  /** Asked for in turn. */
  readonly paths: readonly string[];
  /** Where each path has to lead. */
  readonly locations: readonly string[];
  /** Arrivals per second, evenly spaced. */
  readonly rate: number;
  readonly durationMs: number;
  readonly mostConnections: number;
}

/** Arrivals of one second, by what became of them. */
export interface Second {
  /** Arrivals that were due. */
  readonly due: number;
  /** Answered 302 within a second of the moment when they were due, and led where they have to. */
  readonly good: number;
  /** The same, but later. */
  readonly late: number;
  /** Led elsewhere. */
  readonly wrong: number;
  /** Answered 503. */
  readonly shed: number;
  /** Another status, no answer in 2 s, a connection that broke. */
  readonly broken: number;
  /** No connection was free, and no more may be opened. */
  readonly unsent: number;
  /** CPU of the generator itself in this second, ms. */
  readonly generatorMs: number;
}

export interface FloodResult {
  /** When it began, milliseconds since 1970. */
  readonly startedAt: number;
  readonly seconds: readonly Second[];
  /** Of what was followed in time, ms. */
  readonly p99: number;
  /** Of what was shed, ms. */
  readonly shedP99: number;
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
