import { unavailable } from '#runtime/errors/errors.ts';

export interface BatchingOptions {
  /** The name of the store, for errors. */
  readonly name: string;
  /** The most keys in one query. */
  readonly most: number;
  /** How many queries may be in flight; keys requested meanwhile wait for the next one. */
  readonly underWay: number;
  /** Keys that may wait; more are refused. */
  readonly maxWaiting: number;
  /** A key that has waited longer is refused instead of being queried. */
  readonly patienceMs: number;
}

interface Waiting<Key, Value> {
  readonly key: Key;
  /** When it was asked for, by performance.now(). */
  readonly since: number;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One query to a store for all keys requested in the same turn of the event loop: a message, a wake-up and a plan cost more than a key. No
 * key waits for others to arrive. `ask` answers in the order of its keys; a failed query fails for all of them, so no single key may be
 * able to make it fail.
 */
export function batched<Key, Value>(
  ask: (keys: readonly Key[]) => Promise<readonly Value[]>,
  { name, most, underWay, maxWaiting, patienceMs }: BatchingOptions,
): (key: Key) => Promise<Value> {
  const waiting: Waiting<Key, Value>[] = [];
  let running = 0;
  let planned = false;

  async function send(batch: readonly Waiting<Key, Value>[]): Promise<void> {
    running++;
    try {
      const values = await ask(batch.map(({ key }) => key));
      for (const [at, { resolve }] of batch.entries()) resolve(values[at] as Value);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      running--;
      plan();
    }
  }

  const refusal = () => unavailable('DEPENDENCY_UNAVAILABLE', `${name} is asked for too much at once.`, 1_000);

  /** The first ones have waited longest. */
  function refuseLate(): void {
    const before = performance.now() - patienceMs;
    const late = waiting.findIndex(({ since }) => since >= before);
    for (const { reject } of waiting.splice(0, late === -1 ? waiting.length : late)) reject(refusal());
  }

  function sendAll(): void {
    planned = false;
    refuseLate();
    while (waiting.length > 0 && running < underWay) void send(waiting.splice(0, most));
  }

  function plan(): void {
    if (planned || waiting.length === 0 || running >= underWay) return;
    planned = true;
    setImmediate(sendAll);
  }

  return (key) => {
    if (waiting.length >= maxWaiting) return Promise.reject(refusal());
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    waiting.push({ key, since: performance.now(), resolve, reject });
    plan();
    return promise;
  };
}
