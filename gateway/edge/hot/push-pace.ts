export interface PushPaceOptions {
  /** Sends the current state. */
  readonly push: () => void;
  /** How long the first change waits for others, in milliseconds. */
  readonly lingerMs: number;
  /** How long deferrable changes wait, in milliseconds. */
  readonly patienceMs: number;
  /** Milliseconds, from any origin. */
  readonly now: () => number;
}

/** Decides when the next push is made: what becomes due while an Envoy builds a set, or rests, waits for the end of that and is one push. */
export interface PushPace {
  /** There is something to push. */
  soon(): void;
  /** There is something to push that can wait at little cost. */
  later(): void;
  /** Whether a push is pending. */
  readonly isDue: boolean;
  /** A set is being sent to an Envoy: no push is made until that has ended. */
  begun(): void;
  /** An Envoy answered a push after this long; undefined: it is gone. */
  ended(milliseconds: number | undefined): void;
  /** The slowest of the remembered pushes, in milliseconds; 0: none was answered. */
  slowestMs(): number;
  stop(): void;
}

/**
 * A push keeps Envoy's main thread busy, and messages that withhold a shard have to wait for it. So the pause after a push is this many
 * times as long as the push, up to a limit.
 */
const restShare = 2;
const longestRestMs = 2_000;
/** Hot sets are about as large as their predecessors. */
const pushesRemembered = 100;

export function createPushPace({ push, lingerMs, patienceMs, now }: PushPaceOptions): PushPace {
  const recent: number[] = [];
  let underWay = 0;
  let restUntil = Number.NEGATIVE_INFINITY;
  let dueAt = Number.POSITIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  function within(milliseconds: number): void {
    const at = now() + milliseconds;
    if (at >= dueAt) return;
    dueAt = at;
    plan();
  }

  function plan(): void {
    clearTimeout(timer);
    if (underWay > 0 || dueAt === Number.POSITIVE_INFINITY) return;
    timer = setTimeout(() => {
      dueAt = Number.POSITIVE_INFINITY;
      push();
    }, Math.max(dueAt, restUntil) - now());
  }

  return {
    soon: () => within(lingerMs),
    later: () => within(patienceMs),
    get isDue() {
      return dueAt !== Number.POSITIVE_INFINITY;
    },
    begun() {
      underWay += 1;
      plan();
    },
    ended(milliseconds) {
      underWay -= 1;
      if (milliseconds !== undefined) {
        restUntil = Math.max(restUntil, now() + Math.min(longestRestMs, restShare * milliseconds));
        recent.push(milliseconds);
        if (recent.length > pushesRemembered) recent.shift();
      }
      plan();
    },
    slowestMs: () => Math.max(0, ...recent),
    stop() {
      dueAt = Number.POSITIVE_INFINITY;
      plan();
    },
  };
}
