import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { absentRecord, dateOf, type LinkRow, recordOfRow, stateOf } from './link-record.ts';

const now = 1_800_000_000_000;

function record(fields: Partial<LinkRecord> = {}): LinkRecord {
  return create(LinkRecordSchema, { id: 'l1', ...fields } as LinkRecord);
}

describe('the state of a record', () => {
  test.each([
    ['followable', {}],
    ['followable', { expiresAt: timestampFromMs(now + 1) }],
    ['expired', { expiresAt: timestampFromMs(now) }],
    ['disabled', { disabled: true }],
    ['disabled', { disabled: true, expiresAt: timestampFromMs(now + 1) }],
    ['disabled', { disabled: true, maxClicks: 1, usedUp: true }],
    ['used_up', { maxClicks: 1, usedUp: true }],
    ['expired', { maxClicks: 1, usedUp: true, expiresAt: timestampFromMs(now) }],
    ['followable', { maxClicks: 1 }],
    ['expired', { disabled: true, expiresAt: timestampFromMs(now - 1) }],
    ['deleted', { disabled: true, deletedAt: timestampFromMs(now), expiresAt: timestampFromMs(now) }],
  ] as const)('%s', (state, fields) => {
    expect(stateOf(record(fields), now)).toBe(state);
  });

  test('absent, when it says that there is no link', () => {
    expect(stateOf(absentRecord({ domain: 'hop.example', code: 'x' }), now)).toBe('absent');
  });
});

test('a row becomes a record, to the last column', () => {
  const at = new Date(now);
  const row: LinkRow = {
    id: 'l1',
    domain: 'hop.example',
    code: 'caf\u00e9',
    version: '9007199254740993',
    workspace_id: 'w',
    created_by: 'u',
    number: '3521614606207',
    code_key_id: 2,
    destination: 'https://example.com/',
    redirect_status: 301,
    title: 't',
    tags: ['a', 'b'],
    disabled: true,
    created_at: at,
    updated_at: at,
    expires_at: at,
    deleted_at: null,
    max_clicks: 3,
    used_up: true,
  };
  const made = recordOfRow(row);
  expect(made.version).toBe(9007199254740993n);
  expect(made.number).toBe(3521614606207n);
  expect(made.tags).toEqual(['a', 'b']);
  expect(made.expiresAt && dateOf(made.expiresAt)).toEqual(at);
  expect(made.deletedAt).toBeUndefined();
  expect(made.redirectStatus).toBe(301);
});
