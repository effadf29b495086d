/** One process of a service. */
interface Backend<Transport> {
  readonly transport: Transport;
  /** When its connection broke, by performance.now(), in milliseconds; -Infinity: never, or it has answered since. */
  brokeAt: number;
  /** Until when the others are preferred; the same clock. */
  restsUntil: number;
}

export interface LoadBalancer<Transport> {
  /**
   * The next backend in turn that is not resting, and if possible not the one just tried. One call a second goes to a backend that
   * broke, to find out whether it works again: only that call may have to wait for it.
   */
  next(tried?: Backend<Transport>): Backend<Transport>;
  /** Its connection could not be made, or broke: the others are preferred for a second. */
  broke(backend: Backend<Transport>): void;
  /** It answered a call made at askedAt (performance.now()): it takes its turn again, unless it broke after that. */
  answered(backend: Backend<Transport>, askedAt: number): void;
  /** Whether a call that broke may be retried. The retry budget is a fifth of the calls, plus a burst of ten. */
  mayRetry(): boolean;
  /** Replaces the list of backends; those that stay keep their state. */
  replace(transports: readonly Transport[]): void;
}

const never = Number.NEGATIVE_INFINITY;
const restMs = 1_000;
const earnedPerCall = 0.2;
const mostRetries = 10;

/** Round robin over the processes of a service, from a random one on, so that callers spread. `next` throws when there is none. */
export function createLoadBalancer<Transport>(
  transports: readonly Transport[],
  now = (): number => performance.now(),
): LoadBalancer<Transport> {
  const backendOf = (transport: Transport): Backend<Transport> => ({ transport, brokeAt: never, restsUntil: never });
  let backends = transports.map(backendOf);
  let turn = Math.floor(Math.random() * backends.length);
  let retries = mostRetries;

  return {
    next(tried) {
      retries = Math.min(mostRetries, retries + (tried ? 0 : earnedPerCall));
      turn = (turn + 1) % backends.length;
      const inTurn = [...backends.slice(turn), ...backends.slice(0, turn)];
      const others = inTurn.filter((backend) => backend !== tried);
      const backend = others.find(({ restsUntil }) => restsUntil <= now()) ?? others[0] ?? inTurn[0];
      if (!backend) throw new Error('A service without an address.');
      if (backend.brokeAt > never) backend.restsUntil = now() + restMs;
      return backend;
    },
    broke(backend) {
      backend.brokeAt = now();
      backend.restsUntil = now() + restMs;
    },
    answered(backend, askedAt) {
      if (backend.brokeAt >= askedAt) return;
      backend.brokeAt = never;
      backend.restsUntil = never;
    },
    mayRetry() {
      if (retries < 1) return false;
      retries -= 1;
      return true;
    },
    replace(all) {
      backends = all.map(
        (transport) => backends.find((backend) => backend.transport === transport) ?? backendOf(transport),
      );
    },
  };
}
