// What the generator is asked to do, and what it answers. Both cross a process boundary as JSON.

/** One kind of request. `{}` in the request stands for a value; all values of a job have the same length. */
export interface Job {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** The request's head and body, with one `{}`. */
  readonly request: string;
  /** Put into the requests in turn, from the first on. */
  readonly values: readonly string[];
  /** Places in `values`: these in turn, where not all values are asked for equally often. */
  readonly order?: Uint32Array;
  readonly expect: Expectation;
  /** So many requests per second, whatever the answers do; as fast as the answers come when absent. */
  readonly rate?: number;
  /** The load ends when either is reached. */
  readonly seconds: number;
  readonly requests: number;
  /** So many requests at the beginning are not in the latencies. */
  readonly unmeasured?: number;
  /** Answer the `code` of every body, in the order of the values. */
  readonly collectCodes?: boolean;
}

/** The place among the values of the request with this number. */
export const placeOf = ({ values, order }: Pick<Job, 'values' | 'order'>, index: number): number =>
  order === undefined ? index % values.length : (order[index % order.length] as number);

export interface Expectation {
  readonly status: number;
  /** The Location for each value; when absent, it is not looked at: a create says there where the new link is. */
  readonly locations?: readonly string[];
  /** What the body has to hold, with `{}` for the value. */
  readonly body?: string;
}

export interface LoadResult {
  readonly answers: number;
  readonly wrong: number;
  /** The first wrong answers, as text. */
  readonly wrongExamples: readonly string[];
  /** From the first request to the last answer. */
  readonly seconds: number;
  /** From the scheduled time (open loop) or from sending (closed loop) to the answer, in milliseconds. */
  readonly latencyMs: Quantiles;
  /** How late the generator itself sent, in milliseconds; open loop only: no connection was free, or it was busy. */
  readonly latenessMs?: Quantiles;
  readonly codes?: readonly string[];
}

export interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}
