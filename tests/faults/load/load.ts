// An open-loop load: requests are sent when they are due, however slowly earlier ones are answered.
import { Worker } from 'node:worker_threads';
import { answersOf, type Columns, type Kind, type Ledger, ledgerOf } from './ledger.ts';

/** A short link and where it has to lead. */
export interface Target {
  readonly code: string;
  readonly destination: string;
}

export interface LoadPlan {
  /** The front door, `http://localhost:8080`. */
  readonly url: string;
  /** Other front doors: requests take turns, and one whose connection is refused goes to the next door. */
  readonly otherUrls?: readonly string[];
  /** Arrivals per second of each kind. */
  readonly rates: Partial<Record<Kind, number>>;
  /** The load ends by itself after this, unless `stop` comes first. */
  readonly durationMs: number;
  readonly cached: readonly Target[];
  readonly cold: readonly Target[];
  /** The cached links, too, are asked for past Envoy's hot set: then the resolvers' L1 has them, however many others are asked for. */
  readonly cachedPastHotSet?: boolean;
  /** Each follow says it comes from the page `https://<index of the arrival>.<mark>/`, so that its click can be told from all others. */
  readonly mark?: string;
  readonly apiKey: string;
  readonly login: { readonly email: string; readonly password: string };
  /** An arrival that finds so many under way is not sent, and has failed (default 512). */
  readonly maxInFlight?: number;
  /** Keep-alive connections (default 64). */
  readonly connections?: number;
  /** An answer that takes longer has failed (default 5,000). */
  readonly timeoutMs?: number;
  readonly seed?: number;
}

/** What a worker answers with. */
export interface Outcome {
  readonly columns: Columns;
  readonly created: readonly Target[];
  readonly complaints: readonly string[];
}

export interface LoadResult {
  readonly ledger: Ledger;
  /** Links that were answered 201. */
  readonly created: readonly Target[];
  /** The first few answers that failed, in words. */
  readonly complaints: readonly string[];
}

export interface Load {
  /** Milliseconds since 1970 of the first moment of the load. */
  readonly startedAt: number;
  /** Sends nothing more, waits for what is under way. */
  stop(): Promise<LoadResult>;
  /** Settles when the load has run its time, or was stopped. */
  readonly done: Promise<LoadResult>;
}

/** Starts a load in a thread of its own, so that the judge's work does not delay it; resolves when the first request is due. */
export async function startLoad(plan: LoadPlan): Promise<Load> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: plan });
  const started = Promise.withResolvers<number>();
  const finished = Promise.withResolvers<LoadResult>();
  // Whoever waits for neither must not be ended by a failure of both.
  finished.promise.catch(() => {});
  worker.on('message', (message: { startedAt: number } | Outcome) => {
    if ('startedAt' in message) started.resolve(message.startedAt);
    else finished.resolve({ ...message, ledger: ledgerOf(answersOf(message.columns)) });
  });
  const fail = (error: Error): void => {
    started.reject(error);
    finished.reject(error);
  };
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('The load ended without a result.')));
  const startedAt = await started.promise;
  const stop = (): Promise<LoadResult> => {
    worker.postMessage('stop');
    return finished.promise;
  };
  return { startedAt, stop, done: finished.promise };
}
