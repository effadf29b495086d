// Of calls that need a process that is away: none may fail, or they are refused as they have to be.
import type { PartName } from '../../../compose/local/graph.ts';
import { atMost, exactly, type Finding } from '../case.ts';
import { type Kind, kinds, type Ledger } from '../load/ledger.ts';

/** The calls that need a process of which there is one; the other kinds must not notice that it is away. */
const needing: Partial<Record<PartName, readonly Kind[]>> = {
  link: ['create', 'read'],
  'gateway-access': ['create', 'read', 'login'],
  identity: ['login'],
};

export const kindsNeeding = (part: PartName): readonly Kind[] => needing[part] ?? [];

export const kindsUnaffectedBy = (part: PartName): readonly Kind[] =>
  kinds.filter((kind) => !kindsNeeding(part).includes(kind));

export const noneFailed = (ledger: Ledger, ...kinds: Kind[]): Finding =>
  exactly(`${kinds.join(', ')} that failed`, ledger.of(...kinds).failed.length, 0);

/** For how long after a process is back its calls may still be refused. */
export const healMs = 5_000;
/** An answer that says "not now" is quick. */
const quickMs = 1_000;

/** Those that fail are 503 with Retry-After, within a second, and none comes 5 s after the moment. */
export function refusedWell(ledger: Ledger, since: number, ...kinds: Kind[]): Finding[] {
  return [
    ...refusedWithin(quickMs, ledger, ...kinds),
    atMost('the last such answer after', lastFailureAfter(ledger.of(...kinds), since), healMs, 'ms'),
  ];
}

/** Those that fail are 503 with Retry-After, within so many milliseconds. */
export function refusedWithin(limitMs: number, ledger: Ledger, ...kinds: Kind[]): Finding[] {
  const { failed } = ledger.of(...kinds);
  const odd = failed.filter(({ status, retryAfter }) => status !== 503 || !retryAfter);
  return [
    exactly(`of ${failed.length} ${kinds.join(', ')} that failed, not 503 with Retry-After`, odd.length, 0),
    atMost('slowest such answer', Math.max(0, ...failed.map(({ latency }) => latency)), limitMs, 'ms'),
  ];
}

const lastFailureAfter = ({ failed }: Ledger, since: number): number =>
  Math.max(0, ...failed.map(({ at, latency }) => at + latency - since));
