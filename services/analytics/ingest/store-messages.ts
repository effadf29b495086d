import type { Batch } from '#runtime/kafka/consumer.ts';
import type { Producer } from '#runtime/kafka/producer.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { clockSlack, retainedFrom } from '../statistics/retained.ts';
import { type ClickStore, RowsRefused } from '../store.ts';
import type { SoundBatch } from './click-batch.ts';
import { createDeadLetters, type DeadLetters } from './dead-letters.ts';
import { type DecodedMessage, digestOf } from './decoded-messages.ts';
import { createGroupCommit, type Take } from './group-commit.ts';
import { consumed } from './telemetry.ts';

export interface StoreMessagesOptions {
  readonly store: Pick<ClickStore, 'take' | 'takeTogether'>;
  /** Receives the messages that cannot be stored. */
  readonly dead: Pick<Producer, 'send'>;
  readonly deadTopic: string;
  readonly log: Log;
  /** Clicks per transaction; a single message may have more. */
  readonly batchClicks: number;
  readonly retentionDays: number;
}

/** What the messages of one transaction are stored with. */
interface Step {
  /** The offset that the store has to have; undefined: none yet. */
  readonly expected: bigint | undefined;
  /** Milliseconds since 1970: what is too old or of the future depends on it. */
  readonly now: number;
  /** How many links may have their breakdowns merged; undefined: as many as usual. */
  readonly mergedLinks: number | undefined;
}

/** Stores neighbouring messages of a partition, and returns the offset behind them. */
export type StoreMessages = (
  batch: Batch,
  messages: readonly DecodedMessage[],
  step: Step,
) => Promise<bigint | 'overtaken'>;

interface Storing extends StoreMessagesOptions {
  readonly deadLetters: DeadLetters;
  readonly take: Take;
}

interface Move extends Step {
  /** The offset that the store then has. */
  readonly next: bigint;
  readonly digest?: Uint8Array | undefined;
}

/** How often rows are offered to the store, alone, before their message is given up. */
const refusalsToDeath = 3;

/**
 * A message that cannot be decoded, or whose rows the store refuses, goes to the dead letters, and its neighbours are stored. Rejects when
 * the store does not answer or takes too long.
 */
export function createStoreMessages(options: StoreMessagesOptions): StoreMessages {
  const storing = { ...options, deadLetters: createDeadLetters(options), take: createGroupCommit(options) };
  return async (batch, messages, step) => {
    const outcome = await storeAtOnce(storing, batch, messages, step);
    storing.deadLetters.passed(batch.partition);
    return outcome;
  };
}

async function storeAtOnce(
  options: Storing,
  batch: Batch,
  messages: readonly DecodedMessage[],
  step: Step,
): Promise<bigint | 'overtaken'> {
  const last = messages.at(-1);
  const next = (last?.offset ?? -1n) + 1n;
  const unreadable = messages.filter((message) => message.batch === undefined);
  await options.deadLetters.bury(batch, unreadable);
  try {
    const sound = messages.flatMap((message) => message.batch ?? []);
    const digest = last && digestOf(last.message);
    const taken = await take(options, batch, sound, { ...step, next, digest });
    if (taken === 'overtaken') return taken;
    consumed.add(unreadable.length, { outcome: 'malformed' });
    return next;
  } catch (error) {
    if (!(error instanceof RowsRefused)) throw error;
    const sound = messages.filter((message) => message.batch);
    return storeOneByOne(options, batch, sound, { ...step, next });
  }
}

/** Some rows are refused: each message is stored alone, so that only the faulty one is given up. */
async function storeOneByOne(
  options: Storing,
  batch: Batch,
  messages: readonly DecodedMessage[],
  { next, ...step }: Move,
): Promise<bigint | 'overtaken'> {
  let position = step.expected;
  for (const [index, message] of messages.entries()) {
    const end = index === messages.length - 1 ? next : message.offset + 1n;
    const move = { ...step, expected: position, next: end };
    let taken = await takeAlone(options, batch, message, move);
    if (taken === 'refused') {
      await options.deadLetters.bury(batch, [{ ...message, reason: 'the store refuses its rows' }]);
      taken = await take(options, batch, [], move);
      consumed.add(1, { outcome: 'malformed' });
    }
    if (taken === 'overtaken') return taken;
    position = end;
  }
  return position ?? next;
}

async function takeAlone(
  options: Storing,
  batch: Batch,
  message: DecodedMessage,
  move: Move,
): Promise<'stored' | 'overtaken' | 'refused'> {
  for (let refusals = 0; refusals < refusalsToDeath; refusals++) {
    try {
      return await take(options, batch, message.batch ? [message.batch] : [], move);
    } catch (error) {
      if (!(error instanceof RowsRefused)) throw error;
      const { partition } = batch;
      options.log.error({ err: error, partition, offset: String(message.offset) }, 'rows were refused');
    }
  }
  return 'refused';
}

function take(
  { take: takeShared, retentionDays }: Storing,
  { topic, partition }: Batch,
  batches: readonly SoundBatch[],
  { now, ...move }: Move,
): Promise<'stored' | 'overtaken'> {
  const nowUs = now * 1_000;
  const limits = { notBeforeUs: retainedFrom(now, retentionDays), notAfterUs: nowUs + clockSlack, nowUs };
  return takeShared({ topic, partition, batches, ...move, ...limits });
}
