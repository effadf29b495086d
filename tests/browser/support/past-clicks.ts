import { randomBytes } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { ClickBatchSchema, ClickFlag, Tier } from '#gen/event/v1/click_pb.ts';
import { createKafka } from '#runtime/kafka/client.ts';
import { silentLog } from '#runtime/telemetry/log.ts';

const topic = 'hop.clicks.v1';

/** A click of an earlier day, which no request can make today. What is not said is not known. */
export interface PastClick {
  /** When, in milliseconds since 1970. */
  readonly at: number;
  /** Who: the same number is the same visitor of a day; absent: somebody else each time. */
  readonly visitor?: number;
  readonly isBot?: boolean;
  readonly tier?: Tier;
  readonly referrerHost?: string;
  readonly country?: string;
  readonly region?: string;
  readonly city?: string;
  readonly device?: string;
  readonly browser?: string;
  readonly operatingSystem?: string;
  readonly language?: string;
}

export interface FollowedLink {
  readonly id: string;
  readonly workspaceId: string;
  readonly domain: string;
  readonly code: string;
}

/** Puts clicks into Kafka as an edge would have done then; from there on they go the way of all clicks. */
export async function sendPastClicks(
  kafkaPort: number,
  link: FollowedLink,
  clicks: readonly PastClick[],
): Promise<void> {
  const brokers = [`127.0.0.1:${kafkaPort}`];
  const producer = createKafka({ brokers, clientId: 'past-clicks', log: silentLog }).producer();
  await producer.connect();
  try {
    await producer.send({ topic, acks: -1, messages: [{ key: link.id, value: messageOf(link, clicks) }] });
  } finally {
    await producer.disconnect();
  }
}

function messageOf(link: FollowedLink, clicks: readonly PastClick[]): Buffer {
  const batch = create(ClickBatchSchema, { format: 1, edgeId: 'edge-1', dictionary: [''] });
  const indexOf = (text = ''): number => {
    const known = batch.dictionary.indexOf(text);
    return known >= 0 ? known : batch.dictionary.push(text) - 1;
  };
  for (const { at, visitor, isBot, tier, ...texts } of clicks) {
    batch.atUs.push(BigInt(Math.floor(at)) * 1_000n);
    batch.linkVersion.push(1n);
    batch.tier.push(tier ?? Tier.L1);
    batch.status.push(302);
    batch.flags.push(isBot ? ClickFlag.BOT : 0);
    batch.visitor.push(visitor === undefined ? randomBytes(8).readBigUInt64LE() : BigInt(visitor + 1));
    batch.linkId.push(indexOf(link.id));
    batch.workspaceId.push(indexOf(link.workspaceId));
    batch.domain.push(indexOf(link.domain));
    batch.code.push(indexOf(link.code));
    for (const name of textColumns) batch[name].push(indexOf(texts[name]));
  }
  batch.requestIds = randomBytes(16 * clicks.length);
  return Buffer.from(toBinary(ClickBatchSchema, batch));
}

const textColumns = [
  ...(['referrerHost', 'country', 'region', 'city'] as const),
  ...(['device', 'browser', 'operatingSystem', 'language'] as const),
];
