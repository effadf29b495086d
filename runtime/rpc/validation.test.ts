import { create, type DescMessage } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { GetLinkStatsRequestSchema } from '#gen/analytics/v1/analytics_service_pb.ts';
import { WatchWorkspaceRequestSchema } from '#gen/analytics/v1/workspace_stats_pb.ts';
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

  it('counts no letters of a text that is far too long, wherever it is', () => {
    const check = requestCheck(UpdateLinkRequestSchema, 'patch');
    const long = 'x'.repeat(65_537);
    const code = 'a';
    for (const [field, request] of [
      ['title', create(UpdateLinkRequestSchema, { code, patch: { title: long } })],
      ['tags', create(UpdateLinkRequestSchema, { code, patch: { tags: ['a', long] } })],
      ['code', create(UpdateLinkRequestSchema, { code: long })],
    ] as const) {
      expect(() => check?.(request)).toThrow(
        expect.objectContaining({ violations: [{ field, description: 'has far too many characters' }] }),
      );
    }
  });

  describe('a Timestamp holds what RFC 3339 can express', () => {
    const first = -62_135_596_800n;
    const last = 253_402_300_799n;

    it.each([
      [4_070_908_800n, -1],
      [4_070_908_800n, 1_000_000_000],
      [4_070_908_800n, -2_147_483_648],
      [first - 1n, 0],
      [last + 1n, 0],
      [-(2n ** 63n), 0],
      [2n ** 63n - 1n, 999_999_999],
    ])('%d seconds and %d nanos are refused, and the field is named', (seconds, nanos) => {
      const time = { seconds, nanos };
      for (const [schema, request, field] of [
        [CreateLinkRequestSchema, { longUrl: 'https://example.com', expiresAt: time }, 'expires_at'],
        [UpdateLinkRequestSchema, { code: 'a', patch: { expiresAt: time } }, 'expires_at'],
        [GetLinkStatsRequestSchema, { code: 'a', to: time }, 'to'],
        [WatchWorkspaceRequestSchema, { since: time }, 'since'],
      ] as const) {
        const check = requestCheck(schema, 'patch');
        expect(() => check?.(create<DescMessage>(schema, request))).toThrow(
          expect.objectContaining({ kind: 'invalid', violations: [expect.objectContaining({ field })] }),
        );
      }
    });

    it.each([
      [first, 0],
      [last, 999_999_999],
      [0n, 0],
      [-1n, 999_999_999],
    ])('%d seconds and %d nanos are a time', (seconds, nanos) => {
      const request = create(CreateLinkRequestSchema, {
        longUrl: 'https://example.com',
        expiresAt: { seconds, nanos },
      });
      expect(() => requestCheck(CreateLinkRequestSchema)?.(request)).not.toThrow();
    });
  });

  it('names what is in the body as the body has it, and what stands beside as it is', () => {
    const check = requestCheck(UpdateLinkRequestSchema, 'patch');
    const request = create(UpdateLinkRequestSchema, { code: '', patch: { redirectStatus: 200, tags: ['ok', ''] } });
    const fields = ['code', 'tags[1]', 'redirect_status'].map((field) => expect.objectContaining({ field }));
    expect(() => check?.(request)).toThrow(expect.objectContaining({ violations: expect.arrayContaining(fields) }));
  });
});
