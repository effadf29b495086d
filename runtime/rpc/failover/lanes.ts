/** One of the processes of a service. */
interface Lane<Transport> {
  readonly transport: Transport;
  /** Milliseconds of performance.now(); -Infinity: it did not break, or has answered since. */
  brokeAt: number;
  /** The same clock. */
  restsUntil: number;
}

export interface Lanes<Transport> {
  /**
   * The next in turn that does not rest; where there is another, it is not the one that was tried. Of one that broke a
   * call in each second finds out whether it works: it may wait for that, and the others need not.
   */
  next(tried?: Lane<Transport>): Lane<Transport>;
  /** Its connection could not be made, or broke: others are taken before it for a second. */
  broke(lane: Lane<Transport>): void;
  /** A call answered that was made at the time given, by performance.now(): it is taken in its turn again, if it broke before. */
  answered(lane: Lane<Transport>, askedAt: number): void;
  /** Whether a call that broke may be made once more. A fifth of the calls may be, and ten beyond that at any moment. */
  mayRetry(): boolean;
  /** These are all there are from now on; those that stay keep their state. */
  replace(transports: readonly Transport[]): void;
}

const never = Number.NEGATIVE_INFINITY;
const restMs = 1_000;
const earnedPerCall = 0.2;
const mostRetries = 10;

/** The processes of a service, taken in turn from a random one on, so that callers spread. Throws when there is none. */
export function createLanes<Transport>(
  transports: readonly Transport[],
  now = (): number => performance.now(),
): Lanes<Transport> {
  const laneOf = (transport: Transport): Lane<Transport> => ({ transport, brokeAt: never, restsUntil: never });
  let lanes = transports.map(laneOf);
  let turn = Math.floor(Math.random() * lanes.length);
  let retries = mostRetries;

  return {
    next(tried) {
      retries = Math.min(mostRetries, retries + (tried ? 0 : earnedPerCall));
      turn = (turn + 1) % lanes.length;
      const inTurn = [...lanes.slice(turn), ...lanes.slice(0, turn)];
      const others = inTurn.filter((lane) => lane !== tried);
      const lane = others.find(({ restsUntil }) => restsUntil <= now()) ?? others[0] ?? inTurn[0];
      if (!lane) throw new Error('A service without an address.');
      if (lane.brokeAt > never) lane.restsUntil = now() + restMs;
      return lane;
    },
    broke(lane) {
      lane.brokeAt = now();
      lane.restsUntil = now() + restMs;
    },
    answered(lane, askedAt) {
      if (lane.brokeAt >= askedAt) return;
      lane.brokeAt = never;
      lane.restsUntil = never;
    },
    mayRetry() {
      if (retries < 1) return false;
      retries -= 1;
      return true;
    },
    replace(all) {
      lanes = all.map((transport) => lanes.find((lane) => lane.transport === transport) ?? laneOf(transport));
    },
  };
}
