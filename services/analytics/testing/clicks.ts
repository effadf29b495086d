import { randomBytes, randomUUID } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { ClickBatchSchema } from '#gen/event/v1/click_pb.ts';
import { readBatch, type SoundBatch, textColumns } from '../ingest/click-batch.ts';

/** A click as the tests of this folder write one. */
export interface TestClick {
  readonly atUs: number;
  readonly requestId: string;
  readonly linkId: string;
  readonly workspaceId: string;
  readonly flags: number;
  readonly visitor: bigint;
  readonly domain: string;
  readonly code: string;
  readonly referrerHost: string;
  readonly country: string;
  readonly region: string;
  readonly city: string;
  readonly device: string;
  readonly browser: string;
  readonly operatingSystem: string;
  readonly language: string;
}

const workspaceId = randomUUID();

export function testClick(overrides: Partial<TestClick> = {}): TestClick {
  return {
    atUs: Date.now() * 1_000 + Math.floor(Math.random() * 1_000),
    requestId: randomBytes(16).toString('hex'),
    linkId: randomUUID(),
    workspaceId,
    flags: 0,
    visitor: randomBytes(8).readBigUInt64LE(),
    domain: 'localhost',
    code: 'abc',
    referrerHost: '',
    country: '',
    region: '',
    city: '',
    device: 'desktop',
    browser: 'Firefox',
    operatingSystem: 'Linux',
    language: 'en',
    ...overrides,
  };
}

/** The bytes of a message with these clicks. */
export function encodeClicks(clicks: readonly TestClick[]): Buffer {
  const batch = create(ClickBatchSchema, { format: 1, edgeId: 'edge-1', dictionary: [''] });
  const indexOf = (text: string): number => {
    const known = batch.dictionary.indexOf(text);
    return known >= 0 ? known : batch.dictionary.push(text) - 1;
  };
  for (const click of clicks) {
    batch.atUs.push(BigInt(click.atUs));
    batch.linkVersion.push(1n);
    batch.tier.push(2);
    batch.status.push(302);
    batch.flags.push(click.flags);
    batch.visitor.push(click.visitor);
    for (const name of textColumns) batch[name].push(indexOf(click[name]));
  }
  batch.requestIds = Buffer.from(clicks.map(({ requestId }) => requestId).join(''), 'hex');
  return Buffer.from(toBinary(ClickBatchSchema, batch));
}

export function soundBatch(clicks: readonly TestClick[]): SoundBatch {
  return readBatch(encodeClicks(clicks));
}
