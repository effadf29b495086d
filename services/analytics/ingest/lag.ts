import { observe } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';

/** How far behind reading is; shown as metrics. It is honest while the store is away: what waits for it goes on growing older. */
export interface Lag {
  /** These partitions are ours from now on; of others nothing waits here. */
  assigned(partitions: readonly number[]): void;
  /** Does what needs the store. When it fails, it is to be done again: from its first beginning on something of the partition waits. */
  whileWaiting<Result>(partition: number, step: () => Promise<Result>, read?: Read): Promise<Result>;
  /** So many messages are not stored after a transaction whose newest click is of this time; undefined: it had none. */
  stored(partition: number, behind: number, newestUs: number | undefined): void;
}

interface Read {
  /** Messages that are not stored, as far as Kafka has said. */
  readonly behind: number;
  /** When the first click among them was, microseconds since 1970. Asked only when somebody looks. */
  readonly oldestUs: () => number | undefined;
}

interface Waiting {
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly hasFailed: boolean;
  readonly oldestUs: Read['oldestUs'] | undefined;
}

export function createLag(now: () => number = Date.now): Lag {
  const waiting = new Map<number, Waiting>();
  const behind = new Map<number, number>();
  let lastSeconds = 0;
  const secondsSince = (ms: number): number => Math.max(0, now() - ms) / 1_000;
  const ageOf = ({ since, oldestUs }: Waiting): number => secondsSince((oldestUs?.() ?? since * 1_000) / 1_000);
  observe(metric.clickLag, {}, () => Math.max(waiting.size > 0 ? 0 : lastSeconds, ...[...waiting.values()].map(ageOf)));
  observe(metric.consumerStalled, {}, () =>
    Math.max(0, ...[...waiting.values()].filter(({ hasFailed }) => hasFailed).map(({ since }) => secondsSince(since))),
  );
  const note = (partition: number, messages: number): void => {
    if (!behind.has(partition))
      observe(metric.consumerLag, { partition: String(partition) }, () => behind.get(partition) ?? 0);
    behind.set(partition, messages);
  };
  return {
    assigned(partitions) {
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
      if (newestUs !== undefined) lastSeconds = secondsSince(newestUs / 1_000);
    },
  };
}
