// What came of every arrival of a load: columns that a worker can hand over, and the questions that a judge asks of them.

export const kinds = ['cached', 'cold', 'create', 'read', 'login'] as const;
/** cached: follow one of few links. cold: follow the next of many, which neither L1 nor Envoy's hot set has. read: a signed read by API key. */
export type Kind = (typeof kinds)[number];

/** What stands for a status where there was none. */
export const noStatus = { overBound: -1, timedOut: -2, broken: -3 } as const;

/** One element of each for every arrival. */
export interface Columns {
  /** When it was due, milliseconds since 1970. */
  readonly at: Float64Array;
  /** Index in `kinds`. */
  readonly kind: Uint8Array;
  /** Index in the list of links of its kind; -1 where no code was asked for. */
  readonly link: Int32Array;
  /** HTTP status, or one of noStatus. */
  readonly status: Int16Array;
  /** Milliseconds from the moment it was due to the end of the answer. */
  readonly latency: Float32Array;
  /** Bit 0: as it has to be (status, and Location where one is expected). Bit 1: had Retry-After. */
  readonly flags: Uint8Array;
}

export interface Answer {
  readonly at: number;
  readonly kind: Kind;
  readonly link: number;
  readonly status: number;
  readonly latency: number;
  readonly ok: boolean;
  readonly retryAfter: boolean;
}

export interface Ledger {
  readonly answers: readonly Answer[];
  /** Arrivals that were due in [from, to), milliseconds since 1970. */
  between(from: number, to: number): Ledger;
  of(...wanted: Kind[]): Ledger;
  /** From 0 to 1; NaN without answers. */
  readonly success: number;
  readonly failed: readonly Answer[];
  /** Latency in ms below which this share of the answers came; those that failed count too. */
  quantile(share: number): number;
  /** How often each status came. */
  statuses(): Record<string, number>;
}

/** The ledger of a list of answers. */
export function ledgerOf(answers: readonly Answer[]): Ledger {
  const failed = answers.filter(({ ok }) => !ok);
  let sorted: number[] | undefined;
  return {
    answers,
    failed,
    success: answers.length === 0 ? Number.NaN : 1 - failed.length / answers.length,
    between: (from, to) => ledgerOf(answers.filter(({ at }) => at >= from && at < to)),
    of: (...wanted) => ledgerOf(answers.filter(({ kind }) => wanted.includes(kind))),
    quantile(share) {
      sorted ??= answers.map(({ latency }) => latency).sort((one, other) => one - other);
      return quantile(sorted, share);
    },
    statuses() {
      const counts: Record<string, number> = {};
      for (const { status } of answers) counts[nameOf(status)] = (counts[nameOf(status)] ?? 0) + 1;
      return counts;
    },
  };
}

/** The nearest-rank quantile of sorted values; NaN of none. */
export function quantile(sorted: readonly number[], share: number): number {
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

export function answersOf({ at, kind, link, status, latency, flags }: Columns): Answer[] {
  return Array.from(at, (due, index) => ({
    at: due,
    kind: kinds[kind[index] as number] as Kind,
    link: link[index] as number,
    status: status[index] as number,
    latency: latency[index] as number,
    ok: ((flags[index] as number) & 1) !== 0,
    retryAfter: ((flags[index] as number) & 2) !== 0,
  }));
}

const nameOf = (status: number): string =>
  Object.entries(noStatus).find(([, value]) => value === status)?.[0] ?? String(status);
