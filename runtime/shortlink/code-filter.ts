import type { CodeSpace, LinkRecord } from '#gen/link/v1/change_pb.ts';
import { createBloomFilter } from './bloom-filter.ts';
import { type CodeKey, looksGenerated, read } from './code-space.ts';

/** `refuse`: no link has this code, on any domain. `maybe`: a store must be asked. */
type Verdict = 'refuse' | 'maybe';

/**
 * Refuses made-up codes without asking a store: a code that decodes to a number which was never handed out, and that is not an alias. It
 * says "maybe" whenever it is not sure: until it has received everything, when the watch is not fresh, near the end of what is handed out,
 * and for every code that does not have the shape of a generated one.
 */
export interface CodeFilter {
  check(code: string): Verdict;
  /** Keys in use that are unknown here, or have another secret here: while there are any, nothing is refused. */
  readonly foreignKeys: readonly CodeSpace[];
  /**
   * A heartbeat of Watch arrived, with how far each key is handed out. `asOf`: the time, by `now`, up to which everything has been
   * reported; a delayed heartbeat says nothing about the moment of its arrival.
   */
  heartbeat(spaces: readonly CodeSpace[], asOf: number): void;
  /** A record of Watch arrived; an alias that looks generated is remembered. */
  learn(record: LinkRecord): void;
  /** A chunk of ListLookalikes. */
  addLookalikes(codes: readonly string[]): void;
  /** ListLookalikes is complete: from now on the filter may refuse. */
  lookalikesComplete(): void;
  /** Watch was lost or told us to resynchronise: "maybe" until lookalikesComplete is called again. */
  forget(): void;
}

interface CodeFilterSettings {
  readonly keys: readonly CodeKey[];
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
}

/**
 * The greatest age of the latest report, in milliseconds. The link service confirms an alias that looks generated only after this time, plus
 * a margin for the change to arrive: by then every filter has the alias or is not fresh.
 */
export const filterFreshMs = 200;

/** How far above the announced end a number may be in use without the filter knowing. */
const blocksOfDoubt = 2;

export function createCodeFilter({ keys, now = () => performance.now() }: CodeFilterSettings): CodeFilter {
  let lookalikes = createBloomFilter();
  let complete = false;
  let toldUpTo = Number.NEGATIVE_INFINITY;
  let spaces: readonly Space[] | undefined;
  let foreignKeys: readonly CodeSpace[] = [];

  function check(code: string): Verdict {
    if (!complete || spaces === undefined || now() - toldUpTo > filterFreshMs) return 'maybe';
    const value = read(code);
    if (value < 0 || lookalikes.has(value)) return 'maybe';
    for (const space of spaces) if (mayBeHandedOut(space, code)) return 'maybe';
    return 'refuse';
  }

  function addLookalikes(codes: readonly string[]): void {
    for (const code of codes) if (looksGenerated(code)) lookalikes.add(read(code));
  }

  return {
    check,
    addLookalikes,
    get foreignKeys() {
      return foreignKeys;
    },
    heartbeat(announced, asOf) {
      toldUpTo = asOf;
      foreignKeys = announced.filter((space) => !keys.some((key) => isOf(space, key)));
      spaces = foreignKeys.length > 0 ? undefined : matched(keys, announced);
    },
    learn(record) {
      if (isLookalike(record)) lookalikes.add(read(record.code));
    },
    lookalikesComplete() {
      complete = true;
    },
    forget() {
      complete = false;
      lookalikes = createBloomFilter();
    },
  };
}

/** Whether this is an alias that looks like a generated code. */
export function isLookalike({ id, number, code }: LinkRecord): boolean {
  return id !== '' && number === 0n && looksGenerated(code);
}

interface Space {
  readonly key: CodeKey;
  readonly first: number;
  /** Numbers at or above this are certainly not in use. */
  readonly end: number;
}

function isOf({ keyId, fingerprint }: CodeSpace, key: CodeKey): boolean {
  return key.id === keyId && (fingerprint === '' || key.fingerprint === fingerprint);
}

function matched(keys: readonly CodeKey[], announced: readonly CodeSpace[]): readonly Space[] {
  return keys.map((key) => {
    const space = announced.find(({ keyId }) => keyId === key.id);
    if (!space) return { key, first: key.from, end: key.to + 1 };
    return { key, first: Number(space.first), end: Number(space.highWater) + blocksOfDoubt * Number(space.blockSize) };
  });
}

function mayBeHandedOut({ key, first, end }: Space, code: string): boolean {
  const number = key.numberOf(code);
  return number >= first && number < end;
}
