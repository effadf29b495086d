import type { Offsets } from '#runtime/kafka/topics.ts';
import { observe } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { pause } from '#runtime/time/pause.ts';

/** Compares Kafka's offsets with those of the store: a consumer that reads nothing does not learn that there is something to read. */
export interface UnreadWatch {
  /** Compares until the signal is aborted. */
  keep(signal: AbortSignal): Promise<void>;
  /**
   * Rejects while messages are not read, by whichever process should, or Kafka does not say whether there are any. Those that another
   * process has read and cannot store seem unread.
   */
  check(): Promise<void>;
}

export interface UnreadTiming {
  /** Between two comparisons (default 10 s). */
  readonly everyMs?: number;
  /** For so long a partition may stand still (default 30 s): longer than the group takes to replace a member that died. */
  readonly patienceMs?: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

interface UnreadOptions extends UnreadTiming {
  /** Rejects when the signal is aborted. */
  readonly offsets: (signal: AbortSignal) => Promise<ReadonlyMap<number, Offsets>>;
  readonly positions: () => Promise<ReadonlyMap<number, bigint>>;
  /** Whether something of a partition was read here and waits to be stored: then it stands still, but not because of Kafka. */
  readonly isWaiting: (partition: number) => boolean;
}

/** A partition as the last comparison found it. */
interface Seen {
  readonly position: bigint | undefined;
  /** When it last was read to its end, or its position moved. */
  readonly at: number;
}

export function createUnreadWatch(options: UnreadOptions): UnreadWatch {
  const { offsets, positions, isWaiting, everyMs = 10_000, patienceMs = 30_000 } = options;
  const now = options.now ?? (() => performance.now());
  let seen: ReadonlyMap<number, Seen> = new Map();
  let answeredAt = now();
  let failure: unknown;
  const secondsSince = (at: number): number => (now() - at) / 1_000;
  /** By partition, what ends its series. */
  const shown = new Map<number, () => void>();

  /** A partition that is no longer found has nothing to read. */
  const show = (partition: number): void => {
    if (shown.has(partition)) return;
    const seconds = (): number => secondsSince(seen.get(partition)?.at ?? now());
    shown.set(partition, observe(metric.consumerUnread, { partition: String(partition) }, seconds));
  };

  const compare = async (signal: AbortSignal): Promise<void> => {
    const found = await offsets(signal);
    // A store that does not answer has a check of its own.
    const stored = await positions().catch(() => undefined);
    answeredAt = now();
    seen = new Map(
      [...found].map(([partition, { oldest, next }]) => {
        const before = seen.get(partition);
        const position = stored?.get(partition);
        const isBehind = stored !== undefined && next > oldest && (position ?? oldest) < next;
        const standsStill = isBehind && !isWaiting(partition) && before !== undefined && before.position === position;
        return [partition, { position, at: standsStill ? before.at : answeredAt }];
      }),
    );
    for (const partition of seen.keys()) show(partition);
  };

  return {
    async keep(signal) {
      const release = observe(metric.consumerUnread, { partition: 'all' }, () => secondsSince(answeredAt));
      while (!signal.aborted) {
        failure = await compare(signal).catch((error: unknown) => error);
        await pause(everyMs, signal);
      }
      for (const end of [release, ...shown.values()]) end();
    },
    async check() {
      const isLate = (at: number): boolean => now() - at > patienceMs;
      if (isLate(answeredAt)) throw new Error('Kafka does not say whether there are clicks.', { cause: failure });
      const unread = [...seen].filter(([, { at }]) => isLate(at)).map(([partition]) => partition);
      if (unread.length === 0) return;
      throw new Error(`Clicks are not read, or another process cannot store them, in partitions ${unread.join()}.`);
    },
  };
}
