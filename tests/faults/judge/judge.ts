// What several cases ask of a ledger or a process.

import { follow, type Sample } from '../../support/metrics.ts';
import { atLeast, atMost, type Finding, notJudged } from '../case.ts';
import { type Ledger, ledgerOf } from '../load/ledger.ts';
import type { World } from '../world/world.ts';

/** The share of redirects that were correct, and what the others were answered. */
export function redirectsSucceed(ledger: Ledger, percent = 99.99): Finding {
  const redirects = ledger.of('cached', 'cold');
  const others = Object.entries(ledgerOf(redirects.failed).statuses()).map(([status, count]) => `${status}: ${count}`);
  const what = others.length === 0 ? 'correct redirects' : `correct redirects (of the others, ${others.join(', ')})`;
  return atLeast(what, 100 * redirects.success, percent, '%');
}

export const createsSucceed = (ledger: Ledger): Finding =>
  atLeast('creates answered 201', 100 * ledger.of('create').success, 100, '%');

interface Comparison {
  /** How many times the baseline's p99 is allowed (default 1.5). */
  readonly times?: number;
  /** A baseline whose p99 is above this says that the machine was busy with something else, and is no measure (default 25 ms). */
  readonly mostUsualMs?: number;
}

/** A create waits for a commit on the disk. */
export const createsMostUsualMs = 75;

/** p99 within some times that of the run's own baseline; not judged where the machine was too busy for one. */
export function p99LikeBefore(
  what: string,
  before: Ledger,
  during: Ledger,
  { times = 1.5, mostUsualMs = 25 }: Comparison = {},
): Finding {
  const usual = before.quantile(0.99);
  const name = `p99 of ${what} (before: ${usual.toFixed(1)} ms)`;
  const now = during.quantile(0.99);
  if (usual > mostUsualMs) return notJudged(name, now, `before > ${mostUsualMs}, a busy machine`, 'ms');
  return atMost(name, now, times * usual, 'ms');
}

const resolvers = ['resolver-1', 'resolver-2'] as const;
type Resolver = (typeof resolvers)[number];

interface BreakerWatch {
  /** Ends it; answers the changes of state of each resolver's breaker. */
  stop(): Promise<Sample[][]>;
}

/** Watches the breaker of that name in these resolvers. */
export function watchBreakers(world: World, breaker: string, parts: readonly Resolver[] = resolvers): BreakerWatch {
  const all = parts.map((part) => follow(world.mesh.ports[`${part}-metrics`], 'hop_breaker_state', { breaker }));
  return { stop: () => Promise.all(all.map((one) => one.stop())) };
}

const open = 2;
const closed = 0;

/** How long after the fault the slower of the breakers had opened; infinite when one did not. */
export const openedAfter = (changes: Sample[][], faultAt: number): number =>
  slowest(changes, faultAt, (value) => value === open);

/** How long after the part's return the slower of them had closed for good. */
export function closedAfter(changes: Sample[][], backAt: number): number {
  if (changes.some((samples) => samples.at(-1)?.value !== closed)) return Number.POSITIVE_INFINITY;
  return Math.max(...changes.map((samples) => (samples.at(-1)?.at ?? Number.POSITIVE_INFINITY) - backAt));
}

function slowest(changes: Sample[][], since: number, is: (value: number | undefined) => boolean): number {
  const waits = changes.map((samples) => samples.find(({ at, value }) => at >= since && is(value))?.at);
  return Math.max(...waits.map((at) => (at === undefined ? Number.POSITIVE_INFINITY : at - since)));
}
