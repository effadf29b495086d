import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { etagOf, requireMatch } from './etag.ts';

const record = create(LinkRecordSchema, { id: '0193e4d0-0000-7000-8000-000000000000', version: 7n });

test('an If-Match of tens of thousands of etags is compared with one etag, made once', () => {
  let made = 0;
  const counted = Object.defineProperty({ ...record }, 'version', {
    get: () => {
      made++;
      return record.version;
    },
  });
  const stale = '"x",'.repeat(14_000);
  requireMatch(`${stale} W/"${etagOf(record)}"`, counted);
  expect(() => requireMatch(stale, counted)).toThrow();
  expect(made).toBe(2);
});
