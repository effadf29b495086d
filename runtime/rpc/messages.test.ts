import { expect, test } from 'vitest';
import { LogInRequestSchema } from '#gen/identity/v1/identity_service_pb.ts';
import { decoderOf } from './messages.ts';

const mebibyte = 1_048_576;

test('fields that the contract does not have are not kept: a request of nothing else would take eighty times its size', () => {
  const unknown = Buffer.alloc(mebibyte, Buffer.from([15 << 3, 0]));
  const known = Buffer.from([(1 << 3) | 2, 1, 0x61]);
  const request = decoderOf(LogInRequestSchema, mebibyte)(Buffer.concat([unknown.subarray(known.length + 1), known]));
  expect(request).toMatchObject({ email: 'a' });
  expect(request).not.toHaveProperty('$unknown');
});
