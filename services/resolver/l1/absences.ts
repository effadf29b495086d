import { LRUCache } from 'lru-cache';
import type { Freshness } from '../watch/freshness.ts';
import type { Confirmation } from './trust.ts';

export interface AbsencesOptions {
  readonly freshness: Freshness;
  /** How long an absence is answered without asking the primary again, in milliseconds. */
  readonly absenceMs: number;
  readonly maxAbsences: number;
}

/** Names for which the primary, or a tombstone in Redis, has recently said that there is no link. */
export interface Absences {
  /** Whether the absence is recorded, however long ago. */
  has(key: string): boolean;
  remember(key: string, confirmation: Confirmation): void;
  forget(key: string): void;
  /** Whether it was confirmed recently, with no change missed since. */
  isRecent(key: string, now: number): boolean;
}

export function createAbsences({ freshness, absenceMs, maxAbsences }: AbsencesOptions): Absences {
  const absences = new LRUCache<string, Confirmation>({ max: maxAbsences });
  return {
    has: (key) => absences.has(key),
    remember(key, { at, epoch }) {
      if (freshness.covers(at)) absences.set(key, { at, epoch });
    },
    forget: (key) => void absences.delete(key),
    isRecent(key, now) {
      const absence = absences.get(key);
      if (!absence) return false;
      return absence.epoch === freshness.epoch && now - absence.at < absenceMs && freshness.live(now);
    },
  };
}
