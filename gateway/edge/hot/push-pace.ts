export interface PushPaceOptions {
  /** Sends what is there by then. */
  readonly push: () => void;
  /** How long the first change waits for company, in milliseconds. */
  readonly lingerMs: number;
  /** How long what can wait does, in milliseconds. */
  readonly patienceMs: number;
  /** Milliseconds, from whenever. */
  readonly now: () => number;
}

/** When the next push is made. */
export interface PushPace {
  /** There is something to push. */
  soon(): void;
  /** There is something to push that costs little as long as it waits. */
  later(): void;
  /** Whether something waits to be pushed. */
  readonly isDue: boolean;
  /** An Envoy answered to a push, after so long. */
  answered(milliseconds: number): void;
  /** Of the pushes that are remembered, in milliseconds; 0: none was answered. */
  slowestMs(): number;
  stop(): void;
}

/**
 * A push keeps Envoy's main thread busy, and what withholds a shard has to wait for it. So after a push none is sent for
 * this many times as long, up to a bound.
 */
const restShare = 2;
const longestRestMs = 2_000;
/** Sets are about as large as the ones before. */
const pushesRemembered = 100;

export function createPushPace({ push, lingerMs, patienceMs, now }: PushPaceOptions): PushPace {
  const recent: number[] = [];
  let restUntil = Number.NEGATIVE_INFINITY;
  let dueAt = Number.POSITIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  function within(milliseconds: number): void {
    const at = Math.max(now() + milliseconds, restUntil);
    if (at >= dueAt) return;
    dueAt = at;
    clearTimeout(timer);
    timer = setTimeout(() => {
      dueAt = Number.POSITIVE_INFINITY;
      push();
    }, at - now());
  }

  return {
    soon: () => within(lingerMs),
    later: () => within(patienceMs),
    get isDue() {
      return dueAt !== Number.POSITIVE_INFINITY;
    },
    answered(milliseconds) {
      restUntil = now() + Math.min(longestRestMs, restShare * milliseconds);
      recent.push(milliseconds);
      if (recent.length > pushesRemembered) recent.shift();
    },
    slowestMs: () => Math.max(0, ...recent),
    stop: () => clearTimeout(timer),
  };
}
