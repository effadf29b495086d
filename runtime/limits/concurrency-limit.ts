import { PoolBusyError } from '../postgres/pool.ts';

/** Keeps one owner of work from taking all the room that many share. */
export interface ConcurrencyLimit {
  /** Runs the work once fewer than `most` of this owner's run. Rejects with a PoolBusyError if too many of theirs wait, or for too long. */
  run<Result>(owner: string, work: () => Promise<Result>): Promise<Result>;
}

interface LimitOptions {
  /** How many of one owner's run at once. */
  readonly most: number;
  /** How many more of them may wait (default 100): most work takes milliseconds, and a team's scripts may begin in the same moment. */
  readonly maxWaiting?: number;
  /** How long one waits (default 1,000): as long as for a connection to Postgres. */
  readonly patienceMs?: number;
}

interface Owner {
  running: number;
  /** The first one has waited longest. */
  readonly waiting: (() => void)[];
}

export function createConcurrencyLimit({ most, maxWaiting = 100, patienceMs = 1_000 }: LimitOptions): ConcurrencyLimit {
  const owners = new Map<string, Owner>();

  function turnOf({ waiting }: Owner): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (waiting.length >= maxWaiting) reject(new PoolBusyError(`${waiting.length} already wait for their turn.`));
    else {
      const begin = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(begin), 1);
        reject(new PoolBusyError(`Its turn did not come within ${patienceMs} ms.`));
      }, patienceMs);
      waiting.push(begin);
    }
    return promise;
  }

  /** The next one takes over the place. */
  function leave(name: string, owner: Owner): void {
    const next = owner.waiting.shift();
    if (next) next();
    else if (--owner.running === 0) owners.delete(name);
  }

  return {
    async run(name, work) {
      const owner = owners.get(name) ?? { running: 0, waiting: [] };
      owners.set(name, owner);
      if (owner.running >= most) await turnOf(owner);
      else owner.running++;
      try {
        return await work();
      } finally {
        leave(name, owner);
      }
    },
  };
}
