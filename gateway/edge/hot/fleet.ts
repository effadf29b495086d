/** One Envoy's stream of hot sets. */
interface Subscriber {
  readonly node: string;
  /** The newest version that it has. */
  acknowledged: bigint | undefined;
  /** The newest version that it was offered and answered for, either way. */
  settled: bigint;
}

/** The Envoys that ask for the hot set. A name can be there twice: an Envoy that is replaced overlaps with the next one. */
export interface Fleet {
  join(node: string): Subscriber;
  leave(subscriber: Subscriber): void;
  /** To be called when a subscriber was changed. */
  changed(): void;
  readonly size: number;
  /** The oldest of the versions that they have; undefined when one has none, or none is there. */
  acknowledged(node?: string): bigint | undefined;
  /** Resolves when each has answered for this version. */
  settled(version: bigint): Promise<void>;
}

/** `onChange` is called when what one of them has is another. */
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
