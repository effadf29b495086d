import type { Clock } from '../watch/freshness.ts';

interface Floor {
  /** The greatest version reported. */
  readonly version: bigint;
  /** The epoch of the newest change, and the greatest version reported in it. */
  readonly epoch: number;
  readonly epochVersion: bigint;
  readonly until: number;
  /** Whether no older row can mislead: the link was created by this version, or has expired, which an older row says as well. */
  readonly forgettable: boolean;
}

export interface FloorsOptions {
  readonly now: Clock;
  /** How long a floor is kept, in milliseconds: longer than any replica lags. */
  readonly keepMs: number;
  readonly max: number;
}

/** The minimum acceptable version of each recently changed link. */
export interface Floors {
  /** epoch: that of the change, even if it is over by now. forgettable: an older row of the link, if there is one, shows nothing else. */
  raise(key: string, version: bigint, epoch: number, forgettable?: boolean): void;
  /** The minimum acceptable version; 0n if none is known. With sinceEpoch, earlier floors are ignored. */
  of(key: string, sinceEpoch?: number): bigint;
  /** True while a floor had to be dropped early for lack of room: a row without a floor may then be outdated. */
  blind(): boolean;
  readonly size: number;
}

export function createFloors({ now, keepMs, max }: FloorsOptions): Floors {
  // In order of `until`: raising a floor moves it to the end.
  const floors = new Map<string, Floor>();
  let blindUntil = Number.NEGATIVE_INFINITY;

  function forgetOldest(at: number): void {
    for (const [key, floor] of floors) {
      if (floor.until > at) {
        if (floors.size <= max) return;
        if (!floor.forgettable) blindUntil = Math.max(blindUntil, floor.until);
      }
      floors.delete(key);
    }
  }

  return {
    raise(key, version, epoch, harmless = false) {
      const at = now();
      const known = floors.get(key);
      const forgettable = harmless && (known?.forgettable ?? true);
      const inEpoch = known?.epoch === epoch ? known.epochVersion : 0n;
      if (inEpoch > version) return;
      const greatest = known && known.version > version ? known.version : version;
      const newest = known && known.epoch > epoch ? known : { epoch, epochVersion: version };
      floors.delete(key);
      floors.set(key, { ...newest, version: greatest, until: at + keepMs, forgettable });
      forgetOldest(at);
    },
    of(key, sinceEpoch) {
      const floor = floors.get(key);
      if (!floor || floor.until <= now()) return 0n;
      if (sinceEpoch === undefined) return floor.version;
      return floor.epoch >= sinceEpoch ? floor.epochVersion : 0n;
    },
    blind: () => blindUntil > now(),
    get size() {
      return floors.size;
    },
  };
}
