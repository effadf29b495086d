export interface PushPaceOptions {
  /** Sends what is there by then. */
  readonly push: () => void;
  /** How long the first change waits for company, in milliseconds. */
  readonly lingerMs: number;
  /** Milliseconds, from whenever. */
  readonly now: () => number;
}

/** When the next push is made. */
export interface PushPace {
  /** There is something to push. */
  due(): void;
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

export function createPushPace({ push, lingerMs, now }: PushPaceOptions): PushPace {
  const recent: number[] = [];
  let restUntil = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  return {
    due() {
      timer ??= setTimeout(
        () => {
          timer = undefined;
          push();
        },
        Math.max(lingerMs, restUntil - now()),
      );
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
