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

/** Decides when the next push is made. */
export interface PushPace {
  /** There is something to push. */
  soon(): void;
  /** There is something to push that can wait at little cost. */
  later(): void;
  /** Whether a push is pending. */
  readonly isDue: boolean;
  /** An Envoy answered a push after this long. */
  answered(milliseconds: number): void;
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
