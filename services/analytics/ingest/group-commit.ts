import { setImmediate as turnEnds } from 'node:timers/promises';
import type { Log } from '#runtime/telemetry/log.ts';
import { type ClickStore, type Delivery, NotTogether } from '../store.ts';
import { observed } from './telemetry.ts';

/** Stores a delivery, in a transaction that it may share. */
export type Take = (delivery: Delivery) => Promise<'stored' | 'overtaken'>;

interface GroupCommitOptions {
  readonly store: Pick<ClickStore, 'take' | 'takeTogether'>;
  readonly log: Log;
  /** Clicks per transaction; a single delivery may have more. */
  readonly batchClicks: number;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

interface Waiting {
  readonly delivery: Delivery;
  readonly resolve: (outcome: 'stored' | 'overtaken') => void;
  readonly reject: (error: unknown) => void;
}

/** How long deliveries are stored separately after they could not be stored together: the cause may persist, and costs up to 10 s each time. */
const apartMs = 60_000;

/**
 * One transaction after another, each with all the deliveries waiting by then: from several partitions, since each hands over one and
 * waits. If anything is wrong with one of them, each is tried alone: the others are stored, and only that one fails.
 */
export function createGroupCommit({
  store,
  log,
  batchClicks,
  now = () => performance.now(),
}: GroupCommitOptions): Take {
  const queue: Waiting[] = [];
  let isRunning = false;
  let apartUntil = 0;

  const storeAlone = ({ delivery, resolve, reject }: Waiting): Promise<void> =>
    observed([delivery], () => store.take(delivery)).then(resolve, reject);

  const storeTogether = async (group: readonly Waiting[]): Promise<void> => {
    const deliveries = group.map(({ delivery }) => delivery);
    try {
      await observed(deliveries, () => store.takeTogether(deliveries));
      for (const { resolve } of group) resolve('stored');
    } catch (error) {
      // Even if it seems to be the store: one of them may be what it cannot handle, and they would meet again.
      apartUntil = now() + apartMs;
      if (!(error instanceof NotTogether)) {
        for (const { reject } of group) reject(error);
        return;
      }
      const partitions = deliveries.map(({ partition }) => partition);
      log.warn({ err: error, partitions }, 'deliveries were not stored together; for a minute each is stored alone');
      for (const waiting of group) await storeAlone(waiting);
    }
  };

  const run = async (): Promise<void> => {
    isRunning = true;
    // The partitions of one fetch are delivered in the same turn.
    await turnEnds();
    for (let [first] = queue; first; [first] = queue) {
      const group = now() < apartUntil ? [first] : groupOf(first, queue, batchClicks);
      for (const waiting of group) queue.splice(queue.indexOf(waiting), 1);
      await (group.length > 1 ? storeTogether(group) : storeAlone(first));
    }
    isRunning = false;
  };

  return (delivery) =>
    new Promise((resolve, reject) => {
      queue.push({ delivery, resolve, reject });
      if (!isRunning) void run();
    });
}

/** The first waiting one, and those of the others that may share its transaction, as far as there is room. */
function groupOf(first: Waiting, queue: readonly Waiting[], clicks: number): Waiting[] {
  if (!mayShare(first)) return [first];
  let left = clicks - clicksOf(first);
  return queue.filter((waiting) => {
    if (waiting === first) return true;
    if (!mayShare(waiting) || clicksOf(waiting) > left) return false;
    left -= clicksOf(waiting);
    return true;
  });
}

/** Not a partition's first, nor one that took too long before. */
function mayShare({ delivery: { expected, mergedLinks } }: Waiting): boolean {
  return expected !== undefined && mergedLinks === undefined;
}

function clicksOf({ delivery }: Waiting): number {
  return delivery.batches.reduce((sum, { atUs }) => sum + atUs.length, 0);
}
