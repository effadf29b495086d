import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClickBatchSchema } from '#gen/event/v1/click_pb.ts';
import { soundBatch, testClick } from '../testing/clicks.ts';
import { MalformedBatch, readBatch, sendersOf } from './click-batch.ts';

const good = soundBatch([testClick(), testClick()]);

function spoiled(changes: MessageInitShape<typeof ClickBatchSchema>): Uint8Array {
  const { $typeName, $unknown, sound, ...fields } = good;
  return toBinary(ClickBatchSchema, create(ClickBatchSchema, { ...fields, ...changes }));
}

test('a batch without clicks is a batch', () => {
  expect(readBatch(toBinary(ClickBatchSchema, create(ClickBatchSchema, { format: 1, dictionary: [''] }))).atUs).toEqual(
    [],
  );
});

test('the longest texts that an edge writes are taken', () => {
  const longest = ['İ'.repeat(255).toLowerCase(), '\u{ffff}'.repeat(256)];
  expect(readBatch(spoiled({ dictionary: [...good.dictionary, ...longest] })).atUs).toHaveLength(2);
});

test.each([
  ['a later format', { format: 2 }],
  ['no format', { format: 0 }],
  ['a column that is too short', { browser: [0] }],
  ['a column that is too long', { flags: [0, 0, 0] }],
  ['request ids that are too short', { requestIds: new Uint8Array(31) }],
  ['request ids that are too long', { requestIds: new Uint8Array(33) }],
  ['an index outside the dictionary', { device: [0, 99] }],
  ['the index behind the last of the dictionary', { device: [0, good.dictionary.length] }],
  ['no entry 0', { dictionary: good.dictionary.map((text, index) => (index === 0 ? 'x' : text)) }],
  ['a NUL in a text', { dictionary: [...good.dictionary, 'a\0b'] }],
  ['a text that no index takes', { dictionary: [...good.dictionary, 'x'.repeat(801)] }],
  ['a text of too many bytes, in fewer characters', { dictionary: [...good.dictionary, 'é'.repeat(401)] }],
  ['a link id that is none', { linkId: [0, 0] }],
  ['a workspace id that is none', { workspaceId: [0, 0] }],
  ['a time before clicks were', { atUs: [0n, 0n] }],
  ['a time after all', { atUs: [2n ** 62n, 2n ** 62n] }],
  ['a status that is none', { status: [302, 70_000] }],
])('is malformed: %s', (_, changes) => {
  expect(() => readBatch(spoiled(changes))).toThrow(MalformedBatch);
});

test('names the spans that sent its traced clicks', () => {
  const traceContexts = Buffer.from(`${'a1'.repeat(16)}${'b2'.repeat(8)}${'c3'.repeat(16)}${'d4'.repeat(8)}`, 'hex');
  expect(sendersOf(create(ClickBatchSchema, { traceContexts }))).toEqual([
    { traceId: 'a1'.repeat(16), spanId: 'b2'.repeat(8) },
    { traceId: 'c3'.repeat(16), spanId: 'd4'.repeat(8) },
  ]);
});

test('nothing, and whatever bytes, are malformed', () => {
  expect(() => readBatch(null)).toThrow(MalformedBatch);
  expect(() => readBatch(new Uint8Array())).toThrow(MalformedBatch);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
      expect(() => readBatch(bytes)).toThrow(MalformedBatch);
    }),
  );
});
