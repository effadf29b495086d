/** One Envoy's stream of hot sets. */
interface Subscriber {
  readonly node: string;
  /** The newest version that it has accepted. */
  acknowledged: bigint | undefined;
  /** The newest version that it was offered and has accepted or refused. */
  settled: bigint;
}

/** The subscribed Envoys. A name can appear twice: an Envoy that is being replaced overlaps with its successor. */
export interface Fleet {
  join(node: string): Subscriber;
  leave(subscriber: Subscriber): void;
  /** To be called after a change to a subscriber. */
  changed(): void;
  readonly size: number;
  /** The oldest of the versions that they have; undefined when one has none, or none is connected. */
  acknowledged(node?: string): bigint | undefined;
  /** Resolves when each has accepted or refused this version. */
  settled(version: bigint): Promise<void>;
}

/** `onChange` is called when an Envoy's version changes. */
export function createFleet(onChange: () => void): Fleet {
  const subscribers = new Set<Subscriber>();
  const waiting = new Set<{ readonly version: bigint; readonly done: () => void }>();

  function changed(): void {
    onChange();
    wake();
  }

  function wake(): void {
    for (const wait of [...waiting]) {
      if ([...subscribers].some(({ settled }) => settled < wait.version)) continue;
      waiting.delete(wait);
      wait.done();
    }
  }

  return {
    changed,
    get size() {
      return subscribers.size;
    },
    join(node) {
      const subscriber: Subscriber = { node, acknowledged: undefined, settled: 0n };
      subscribers.add(subscriber);
      return subscriber;
    },
    leave(subscriber) {
      subscribers.delete(subscriber);
      changed();
    },
    acknowledged(node) {
      let oldest: bigint | undefined;
      for (const subscriber of subscribers) {
        if (node !== undefined && subscriber.node !== node) continue;
        const { acknowledged } = subscriber;
        if (acknowledged === undefined) return undefined;
        if (oldest === undefined || acknowledged < oldest) oldest = acknowledged;
      }
      return oldest;
    },
    settled: (version) =>
      new Promise((done) => {
        waiting.add({ version, done });
        wake();
      }),
  };
}
