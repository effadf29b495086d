/**
 * Keeps flapping links, those corrected again and again, out of the hot set. Each correction turns a shard of the hot set cold until every
 * Envoy has it, and with it other people's links, so such a link waits until it has been left alone for a minute.
 */
export interface FlapDamping {
  /** An Envoy may have had an outdated entry of this link. Times are milliseconds since 1970. */
  corrected(name: string, nowMs: number): void;
  isDamped(name: string, nowMs: number): boolean;
  /** Forgets the links whose time is over. Returns those that were damped. */
  settle(nowMs: number): string[];
}

/** A link is damped after this many corrections, each within this time of the previous one. */
const fewest = 3;
const windowMs = 60_000;
/** Beyond this the oldest are forgotten early: about as many links are hot. */
const most = 20_000;

export function createFlapDamping(): FlapDamping {
  /** In the order of their ends. */
  const all = new Map<string, { readonly corrections: number; readonly untilMs: number }>();
  return {
    corrected(name, nowMs) {
      const before = all.get(name);
      const corrections = before && nowMs < before.untilMs ? before.corrections + 1 : 1;
      all.delete(name);
      all.set(name, { corrections, untilMs: nowMs + windowMs });
      for (const oldest of all.keys()) {
        if (all.size <= most) return;
        all.delete(oldest);
      }
    },
    isDamped(name, nowMs) {
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
