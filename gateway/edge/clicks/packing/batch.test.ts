import { fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ClickBatch, ClickBatchSchema } from '#gen/event/v1/click_pb.ts';
import type { Click } from '../click.ts';
import type { Agent } from '../enrichment/user-agent.ts';
import { packClicks, partitionOf, sendsOf } from './batch.ts';
import { ClickRows } from './click-rows.ts';
import { MessageWriter } from './message-writer.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 30 });
const click: fc.Arbitrary<Click> = fc.record({
  atUs: fc.integer({ min: 1_577_836_800_000_000, max: 4_102_444_799_000_000 }),
  requestId: fc.stringMatching(/^[0-9a-f]{32}$/),
  link: fc.record({
    linkId: fc.uuid(),
    workspaceId: fc.uuid(),
    linkVersion: fc.oneof(fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: 2n ** 62n })),
    tier: fc.constantFrom(1, 2, 3, 4, 5),
    domain: text,
    code: text,
  }),
  status: fc.constantFrom(301, 302, 307, 308),
  flags: fc.integer({ min: 0, max: 15 }),
  visitor: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  referrerHost: text,
  place: fc.record({ country: text, region: text, city: text }),
  agent: fc.record({
    bot: fc.constant(false),
    device: fc.constantFrom('desktop', 'mobile', 'tv'),
    browser: text,
    operatingSystem: text,
  }),
  language: text,
  traceparent: fc.constant(''),
});

function unpack(batch: ClickBatch): Click[] {
  const say = (index: number | undefined): string => batch.dictionary[index ?? -1] ?? 'nothing';
  return batch.atUs.map((atUs, row) => ({
    atUs: Number(atUs),
    requestId: Buffer.from(batch.requestIds.subarray(row * 16, row * 16 + 16)).toString('hex'),
    link: {
      linkId: say(batch.linkId[row]),
      workspaceId: say(batch.workspaceId[row]),
      linkVersion: batch.linkVersion[row] ?? -1n,
      tier: batch.tier[row] ?? 0,
      domain: say(batch.domain[row]),
      code: say(batch.code[row]),
    },
    status: batch.status[row] ?? 0,
    flags: batch.flags[row] ?? -1,
    visitor: batch.visitor[row] ?? -1n,
    referrerHost: say(batch.referrerHost[row]),
    place: { country: say(batch.country[row]), region: say(batch.region[row]), city: say(batch.city[row]) },
    agent: {
      bot: false,
      device: say(batch.device[row]) as Agent['device'],
      browser: say(batch.browser[row]),
      operatingSystem: say(batch.operatingSystem[row]),
    },
    language: say(batch.language[row]),
    traceparent: '',
  }));
}

test('what is packed comes out, in its order, in the partition of its link', () => {
  fc.assert(
    fc.property(fc.array(click, { maxLength: 60 }), fc.integer({ min: 1, max: 6 }), (clicks, partitions) => {
      const messages = packClicks(ClickRows.of(clicks), { edgeId: 'edge-1', partitions, maxBytes: 2_000 });
      for (let partition = 0; partition < partitions; partition++) {
        const out = messages
          .filter((message) => message.partition === partition)
          .flatMap(({ value }) => unpack(fromBinary(ClickBatchSchema, value)));
        expect(out).toEqual(clicks.filter(({ link }) => partitionOf(link.linkId, partitions) === partition));
      }
    }),
  );
});

test('however many clicks, long texts and great numbers: all come out', () => {
  const [one] = fc.sample(click, { numRuns: 1, seed: 7 }) as [Click];
  const shared = { ...one, link: { ...one.link, linkVersion: 2n ** 56n }, visitor: 2n ** 64n - 1n };
  const many = Array.from({ length: 2_000 }, (_, row): Click => {
    const requestId = String(row).padStart(32, '0');
    // Of three bytes a character, and with what else is of each click alone.
    return { ...shared, requestId, referrerHost: row % 4 === 0 ? `${row}${'\u6f22'.repeat(250)}` : '' };
  });
  const messages = packClicks(ClickRows.of(many), { edgeId: '\u6f22'.repeat(300), partitions: 1, maxBytes: 200_000 });
  expect(messages.length).toBeGreaterThan(1);
  expect(messages.flatMap(({ value }) => unpack(fromBinary(ClickBatchSchema, value)))).toEqual(many);
  const alike = many.map((each) => ({ ...each, referrerHost: '' }));
  const [message] = packClicks(ClickRows.of(alike), { edgeId: 'edge-1', partitions: 1 });
  expect(unpack(fromBinary(ClickBatchSchema, message?.value ?? Buffer.alloc(0)))).toEqual(alike);
});

test('a message that outgrows its bound is not sent: its end would be missing', () => {
  const writer = new MessageWriter(8);
  writer.text(1, 'longer than that');
  writer.number(2, 1);
  expect(() => writer.finish()).toThrow('longer than its bound');
});

test('a message is, byte by byte, what protobuf-es makes of its content', () => {
  fc.assert(
    fc.property(fc.array(click, { minLength: 1, maxLength: 60 }), (clicks) => {
      for (const { value } of packClicks(ClickRows.of(clicks), { edgeId: 'edge-1', partitions: 2 })) {
        expect(value.equals(toBinary(ClickBatchSchema, fromBinary(ClickBatchSchema, value)))).toBe(true);
      }
    }),
  );
});

test('no message is much greater than it may be, however long the texts', () => {
  fc.assert(
    fc.property(
      fc.array(click, { minLength: 1, maxLength: 40 }),
      fc.string({ minLength: 255, maxLength: 255 }),
      (clicks, host) => {
        const long = clicks.map((one, row) => ({ ...one, referrerHost: `${row}${host}` }));
        for (const { value, clicks: size } of packClicks(ClickRows.of(long), {
          edgeId: 'edge-1',
          partitions: 1,
          maxBytes: 4_000,
        })) {
          expect(size).toBeGreaterThan(0);
          expect(value.length).toBeLessThan(4_000 + 2_500);
        }
      },
    ),
  );
});

test('a send has no two messages of a partition, and together they have all, in their order', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 3 }), { maxLength: 30 }), (partitions) => {
      const messages = partitions.map((partition, clicks) => ({ partition, clicks, value: Buffer.alloc(0) }));
      const sends = sendsOf(messages);
      for (const send of sends) expect(new Set(send.map(({ partition }) => partition)).size).toBe(send.length);
      for (const wanted of new Set(partitions)) {
        const ofPartition = ({ partition }: { partition: number }): boolean => partition === wanted;
        expect(sends.flat().filter(ofPartition)).toEqual(messages.filter(ofPartition));
      }
    }),
  );
});

test('links are spread over the partitions', () => {
  const counts = new Array<number>(6).fill(0);
  fc.assert(
    fc.property(fc.uuid(), (linkId) => {
      const partition = partitionOf(linkId, 6);
      counts[partition] = (counts[partition] ?? 0) + 1;
    }),
    { numRuns: 3_000 },
  );
  for (const count of counts) expect(count).toBeGreaterThan(350);
});
