import type { TopicShape, TopicState } from '#runtime/kafka/topics.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { pause } from '#runtime/time/pause.ts';

/** What is known of the topic that clicks go to. */
export interface ClicksTopic {
  /** Over how many partitions clicks are spread: at most as many as the topic has. For everything else that is wrong see check. */
  partitions(): number;
  /** Inspects the topic until the signal is aborted: at once, soon again while something is wrong, else every ten minutes. */
  keep(signal: AbortSignal): Promise<void>;
  /** A send begins; there is only one at a time. */
  sending(): void;
  /** How the send ended: after a failure the topic is inspected again. */
  sent(failure?: unknown): void;
  /** Rejects while Kafka does not accept clicks, or the topic is not configured as required. */
  check(): Promise<void>;
}

interface TopicOptions {
  readonly shape: TopicShape;
  readonly read: (shape: TopicShape) => Promise<TopicState>;
  readonly log: Log;
  readonly againMs?: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

const everyMs = 600_000;
/** A hanging Kafka neither accepts nor refuses a send until the request times out, ten seconds later. */
const patienceMs = 3_000;

/**
 * If a topic had fewer partitions than are written to, every batch that names a missing one would be refused; so clicks go to the
 * partitions that exist, and the check fails until there are enough.
 */
export function createClicksTopic(options: TopicOptions): ClicksTopic {
  const { shape, read, log, againMs = 5_000, now = () => performance.now() } = options;
  let known: TopicState | undefined;
  let failure: unknown;
  let openSince: number | undefined;
  let faults = '';
  let wake = (): void => {};

  const look = async (): Promise<void> => {
    known = await read(shape);
    const found = known.faults.join(' ');
    if (found !== '' && found !== faults)
      log.error({ topic: shape.topic, faults: found }, 'the topic is not as it has to be');
    faults = found;
  };

  return {
    partitions: () => Math.min(shape.partitions, known?.partitions || shape.partitions),
    async keep(signal) {
      while (!signal.aborted) {
        const woken = new AbortController();
        wake = () => woken.abort();
        const well = await look().then(
          () => faults === '',
          () => false,
        );
        // The pause also bounds the inspections when every send fails.
        await pause(againMs, signal);
        if (well) await pause(everyMs, AbortSignal.any([signal, woken.signal]));
      }
    },
    sending() {
      openSince = now();
    },
    sent(fault) {
      openSince = undefined;
      failure = fault;
      if (fault !== undefined) wake();
    },
    async check() {
      const hangs = openSince !== undefined && now() - openSince > patienceMs;
      if (failure !== undefined || hangs) throw new Error('Kafka does not take clicks.', { cause: failure });
      if (faults !== '') throw new Error(faults);
    },
  };
}
