/**
 * Links that were corrected again and again. Each correction turns a part of the hot set cold until every Envoy has it, for the
 * links of others as well: so such a link waits outside until it has been left alone for a while.
 */
export interface Restless {
  /** Its entry was wrong in the hot set. Times are milliseconds since 1970. */
  corrected(name: string, nowMs: number): void;
  has(name: string, nowMs: number): boolean;
  /** Forgets those whose time is over. Answers which of them were restless. */
  settle(nowMs: number): string[];
}

/** So many corrections, each within the while after the one before. */
const fewest = 3;
const whileMs = 60_000;
/** The oldest are forgotten before their time: what is hot has about as many. */
const most = 20_000;

export function createRestless(): Restless {
  /** In the order of their ends. */
  const all = new Map<string, { readonly corrections: number; readonly untilMs: number }>();
  return {
    corrected(name, nowMs) {
      const before = all.get(name);
      const corrections = before && nowMs < before.untilMs ? before.corrections + 1 : 1;
      all.delete(name);
      all.set(name, { corrections, untilMs: nowMs + whileMs });
      for (const oldest of all.keys()) {
        if (all.size <= most) return;
        all.delete(oldest);
      }
    },
    has(name, nowMs) {
      const known = all.get(name);
      return known !== undefined && known.corrections >= fewest && nowMs < known.untilMs;
    },
    settle(nowMs) {
      const over: string[] = [];
      for (const [name, { corrections, untilMs }] of all) {
        if (nowMs < untilMs) break;
        all.delete(name);
        if (corrections >= fewest) over.push(name);
      }
      return over;
    },
  };
}
