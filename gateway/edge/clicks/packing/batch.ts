import type { FollowedLink } from '../parse.ts';
import type { ClickRows } from './click-rows.ts';
import { type OpenMessage, openMessage, remembered } from './message.ts';

/** One message for Kafka. */
export interface ClickMessage {
  readonly partition: number;
  readonly value: Buffer;
  readonly clicks: number;
}

interface Limits {
  readonly edgeId: string;
  readonly partitions: number;
  /** Of one message, before compression; the topic takes 1 MiB. */
  readonly maxBytes?: number;
}

/**
 * Packs clicks into messages, one or more for each partition that has any. A link's clicks all go to one partition, so that only one
 * transaction at a time updates the counters of a link.
 */
export function packClicks(clicks: ClickRows, { edgeId, partitions, maxBytes = 512 * 1_024 }: Limits): ClickMessage[] {
  const partitionOfLink = remembered((link: FollowedLink) => partitionOf(link.linkId, partitions));
  const open = new Map<number, OpenMessage>();
  const messages: ClickMessage[] = [];
  for (const [row, link] of clicks.link.entries()) {
    const partition = partitionOfLink(link);
    let message = open.get(partition);
    if (message && message.bytes >= maxBytes) {
      messages.push({ partition, ...message.close() });
      message = undefined;
    }
    if (!message) {
      message = openMessage(clicks, edgeId);
      open.set(partition, message);
    }
    message.add(row);
  }
  for (const [partition, message] of open) messages.push({ partition, ...message.close() });
  return messages;
}

/**
 * Groups messages into sends, in order, with at most one message per partition in each. A send's messages for one partition form one record
 * batch, and the topic's limit of 1 MiB applies to a batch.
 */
export function sendsOf(messages: readonly ClickMessage[]): ClickMessage[][] {
  const sends: ClickMessage[][] = [];
  const sent = new Map<number, number>();
  for (const message of messages) {
    const place = sent.get(message.partition) ?? 0;
    sent.set(message.partition, place + 1);
    const send = sends[place];
    if (send) send.push(message);
    else sends.push([message]);
  }
  return sends;
}

/** FNV-1a over the link's id: spreads well, and gives the same result on every edge. */
export function partitionOf(linkId: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < linkId.length; index++) {
    hash = Math.imul(hash ^ linkId.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % partitions;
}
