import type { TopicShape, TopicState } from '#runtime/kafka/topics.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { pause } from '#runtime/time/pause.ts';

/** What is known of the topic that clicks go to. */
export interface ClicksTopic {
  /** Over how many partitions clicks are spread: no more than there are. Kafka has to be asked for the rest of what is wrong. */
  partitions(): number;
  /** Looks at the topic until the signal: at once, soon again while something is wrong, else every ten minutes. */
  keep(signal: AbortSignal): Promise<void>;
  /** A send begins; there is one at a time. */
  sending(): void;
  /** What became of it: after a failure the topic is looked at again. */
  sent(failure?: unknown): void;
  /** Rejects while Kafka does not take clicks, or the topic is not as it has to be. */
  check(): Promise<void>;
}

interface TopicOptions {
  readonly shape: TopicShape;
  readonly read: (shape: TopicShape) => Promise<TopicState>;
  readonly log: Log;
  readonly againMs?: number;
  /** Milliseconds of a clock that only runs forward. */
  readonly now?: () => number;
}

const everyMs = 600_000;
/** A Kafka that hangs neither takes a send nor refuses it until the request times out, half a minute later. */
const patienceMs = 3_000;

/**
 * A topic with fewer partitions than are written to would refuse every batch that names a missing one; clicks go to those
 * that there are, and the check says so until there are enough.
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
        // What fails at every send is looked at no more often than that.
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
