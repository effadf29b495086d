import { create, toBinary } from '@bufbuild/protobuf';
import { ClickBatchSchema } from '#gen/event/v1/click_pb.ts';
import type { Click } from './click.ts';

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

const batchFormat = 1;
// What a click takes without the texts it brings into the dictionary: fixed columns 33 bytes, varints at most 60.
const rowBytes = 96;

/**
 * Packs clicks into messages, one or more for each partition that has any. A link's clicks all go to one partition, so
 * that one transaction at a time grows the counters of a link.
 */
export function packClicks(
  clicks: readonly Click[],
  { edgeId, partitions, maxBytes = 512 * 1_024 }: Limits,
): ClickMessage[] {
  const open = new Map<number, Columns>();
  const messages: ClickMessage[] = [];
  for (const click of clicks) {
    const partition = partitionOf(click.link.linkId, partitions);
    let columns = open.get(partition);
    if (columns && columns.bytes >= maxBytes) {
      messages.push(columns.close(partition));
      columns = undefined;
    }
    if (!columns) {
      columns = createColumns(edgeId);
      open.set(partition, columns);
    }
    columns.add(click);
  }
  for (const [partition, columns] of open) messages.push(columns.close(partition));
  return messages;
}

/**
 * Puts messages into sends, in their order, with one message for a partition at most. What a send has for a partition is one
 * batch of records, and the topic's limit of 1 MiB is for a batch.
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

/** FNV-1a over the link's id: spreads well, and is the same on every edge. */
export function partitionOf(linkId: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < linkId.length; index++) {
    hash = Math.imul(hash ^ linkId.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % partitions;
}

interface Columns {
  /** An upper bound of the message's size. */
  readonly bytes: number;
  add(click: Click): void;
  close(partition: number): ClickMessage;
}

function createColumns(edgeId: string): Columns {
  const batch = create(ClickBatchSchema, { format: batchFormat, edgeId, dictionary: [''] });
  const indexes = new Map<string, number>([['', 0]]);
  const requestIds: string[] = [];
  const traces: string[] = [];
  let bytes = 64;
  const indexOf = (text: string): number => {
    const known = indexes.get(text);
    if (known !== undefined) return known;
    const index = batch.dictionary.push(text) - 1;
    indexes.set(text, index);
    bytes += text.length * 3 + 4;
    return index;
  };
  return {
    get bytes() {
      return bytes;
    },
    add(click) {
      const { link, place, agent } = click;
      bytes += rowBytes;
      batch.atUs.push(BigInt(click.atUs));
      requestIds.push(click.requestId);
      batch.linkId.push(indexOf(link.linkId));
      batch.workspaceId.push(indexOf(link.workspaceId));
      batch.linkVersion.push(link.linkVersion);
      batch.tier.push(link.tier);
      batch.status.push(click.status);
      batch.flags.push(click.flags);
      batch.visitor.push(click.visitor);
      batch.domain.push(indexOf(link.domain));
      batch.code.push(indexOf(link.code));
      batch.referrerHost.push(indexOf(click.referrerHost));
      batch.country.push(indexOf(place.country));
      batch.region.push(indexOf(place.region));
      batch.city.push(indexOf(place.city));
      batch.device.push(indexOf(agent.device));
      batch.browser.push(indexOf(agent.browser));
      batch.operatingSystem.push(indexOf(agent.operatingSystem));
      batch.language.push(indexOf(click.language));
      if (click.traceparent !== '') traces.push(click.traceparent.slice(3, 35), click.traceparent.slice(36, 52));
    },
    close(partition) {
      batch.requestIds = Buffer.from(requestIds.join(''), 'hex');
      batch.traceContexts = Buffer.from(traces.join(''), 'hex');
      return { partition, value: Buffer.from(toBinary(ClickBatchSchema, batch)), clicks: requestIds.length };
    },
  };
}
