import { observe } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';

/** How far behind reading is, for the metrics. It stays true while the store is away: what waits for it keeps getting older. */
export interface Lag {
  /** These partitions are ours from now on; the others do not count here. */
  assigned(partitions: readonly number[]): void;
  /** Runs a step that needs the store. After a failure the caller has to retry: the partition counts as waiting since the first attempt. */
  whileWaiting<Result>(partition: number, step: () => Promise<Result>, read?: Read): Promise<Result>;
  /** How many messages remain unstored after a transaction, and the time of its newest click; undefined: it had none. */
  stored(partition: number, behind: number, newestUs: number | undefined): void;
  /** Whether something that was read of this partition waits for the store, whether or not it has failed once. */
  isWaiting(partition: number): boolean;
}

interface Read {
  /** Messages not yet stored, as far as Kafka has reported. */
  readonly behind: number;
  /** The time of the first click among them, in microseconds since 1970. Evaluated only on demand. */
  readonly oldestUs: () => number | undefined;
}

interface Waiting {
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly hasFailed: boolean;
  readonly oldestUs: Read['oldestUs'] | undefined;
}

/** How late the last click was is told for so long; after that it says nothing about the clicks of now. */
const toldForMs = 60_000;

export function createLag(now: () => number = Date.now): Lag {
  const waiting = new Map<number, Waiting>();
  const behind = new Map<number, number>();
  const observed = new Set<number>();
  let ours: readonly number[] = [];
  let last = { seconds: 0, at: Number.NEGATIVE_INFINITY };
  const secondsSince = (ms: number): number => Math.max(0, now() - ms) / 1_000;
  const ageOf = ({ since, oldestUs }: Waiting): number => secondsSince((oldestUs?.() ?? since * 1_000) / 1_000);
  const lastSeconds = (): number => {
    const isOver = now() - last.at > toldForMs && [...behind.values()].every((messages) => messages === 0);
    return waiting.size > 0 || isOver ? 0 : last.seconds;
  };
  const stalledSeconds = (): number =>
    Math.max(0, ...[...waiting.values()].filter(({ hasFailed }) => hasFailed).map(({ since }) => secondsSince(since)));
  observe(metric.clickLag, {}, () => Math.max(lastSeconds(), ...[...waiting.values()].map(ageOf)));
  const note = (partition: number, messages: number): void => {
    if (!behind.has(partition))
      observe(metric.consumerLag, { partition: String(partition) }, () => behind.get(partition) ?? 0);
    behind.set(partition, messages);
  };
  return {
    assigned(partitions) {
      ours = partitions;
      // While one of them cannot be stored, kafkajs fetches none that the same broker leads.
      for (const partition of partitions.filter((one) => !observed.has(one))) {
        const seconds = (): number => (ours.includes(partition) ? stalledSeconds() : 0);
        observe(metric.consumerStalled, { partition: String(partition) }, seconds);
        observed.add(partition);
      }
      for (const partition of waiting.keys()) if (!partitions.includes(partition)) waiting.delete(partition);
      for (const partition of behind.keys()) if (!partitions.includes(partition)) behind.set(partition, 0);
    },
    async whileWaiting(partition, step, read) {
      const before = waiting.get(partition);
      const { since, hasFailed } = before ?? { since: now(), hasFailed: false };
      const entry = { since, hasFailed, oldestUs: read?.oldestUs ?? before?.oldestUs };
      waiting.set(partition, entry);
      if (read) note(partition, read.behind);
      try {
        const result = await step();
        waiting.delete(partition);
        return result;
      } catch (error) {
        if (waiting.has(partition)) waiting.set(partition, { ...entry, hasFailed: true });
        throw error;
      }
    },
    stored(partition, messages, newestUs) {
      note(partition, messages);
      if (newestUs !== undefined) last = { seconds: secondsSince(newestUs / 1_000), at: now() };
    },
    isWaiting: (partition) => waiting.has(partition),
  };
}
