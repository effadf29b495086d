import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { CreateLinkRequestSchema, UpdateLinkRequestSchema } from '#gen/link/v1/link_service_pb.ts';
import { RedirectRequestSchema, ResolveRequestSchema } from '#gen/resolver/v1/resolver_service_pb.ts';
import { HopError } from '../errors/errors.ts';
import { requestCheck } from './validation.ts';

describe('requestCheck', () => {
  it('spares messages without rules', () => {
    expect(requestCheck(RedirectRequestSchema)).toBeUndefined();
  });

  it('names the fields that break a rule', () => {
    const check = requestCheck(ResolveRequestSchema);
    expect(() => check?.(create(ResolveRequestSchema, { code: 'a' }))).not.toThrow();
    let fault: unknown;
    try {
      requestCheck(CreateLinkRequestSchema)?.(
        create(CreateLinkRequestSchema, { longUrl: 'https://example.com', tags: ['ok', ''] }),
      );
    } catch (error) {
      fault = error;
    }
    expect(fault).toBeInstanceOf(HopError);
    expect(fault).toMatchObject({ kind: 'invalid', reason: 'INVALID_ARGUMENT', violations: [{ field: 'tags[1]' }] });
  });

  it('looks into no list that is far too long, wherever it is', () => {
    const check = requestCheck(UpdateLinkRequestSchema, 'patch');
    const many = new Array<string>(100_000).fill('');
    for (const [field, more] of [
      ['tags', { patch: { tags: many } }],
      ['update_mask.paths', { updateMask: { paths: many } }],
    ] as const) {
      const request = create(UpdateLinkRequestSchema, { code: 'a', ...more });
      expect(() => check?.(request)).toThrow(
        expect.objectContaining({ violations: [{ field, description: 'has far too many items' }] }),
      );
    }
  });

  it('names what is in the body as the body has it, and what stands beside as it is', () => {
    const check = requestCheck(UpdateLinkRequestSchema, 'patch');
    const request = create(UpdateLinkRequestSchema, { code: '', patch: { redirectStatus: 200, tags: ['ok', ''] } });
    const fields = ['code', 'tags[1]', 'redirect_status'].map((field) => expect.objectContaining({ field }));
    expect(() => check?.(request)).toThrow(expect.objectContaining({ violations: expect.arrayContaining(fields) }));
  });
});
