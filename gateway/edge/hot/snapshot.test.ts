import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { VirtualHostSchema } from '#gen-envoy/config/route/v3/route_components_pb.ts';
import type { RedirectStatus } from '#runtime/shortlink/link-record.ts';
import type { HotEntry } from './entry.ts';
import { createHotEntries } from './hot-entries.ts';
import { faultOf, faultsOf, type Snapshot, takeSnapshot } from './snapshot.ts';
import type { BaseRoutes } from './xds/base-routes.ts';
import { encodeEntry } from './xds/resources.ts';

const uuid = '0197f0c6-0000-7000-8000-000000000001';
const good: HotEntry = {
  ...{ domain: 'go.example', code: 'abc', destination: 'https://example.com/', status: 302, version: 7n },
  ...{ cacheControl: 'private, no-store', linkId: uuid, workspaceId: uuid },
};
const routes = [{ name: 'all', match: { pathSpecifier: { case: 'prefix' as const, value: '/' } } }];
const base: BaseRoutes = {
  name: 'public',
  virtualHost: create(VirtualHostSchema, { name: 'all', domains: ['*'], routes }),
  taken: new Set(['api.example', 'api.example:*']),
  exactPaths: new Set(['/readyz']),
  digest: 'one',
};
const hosts = new Map([
  ['go.example', ['go.example', 'alias.example']],
  ['b.example', ['b.example']],
]);
const roomy = { entries: 10, bytes: 100_000 };

function snapshotOf(entries: readonly HotEntry[], of: BaseRoutes = base, names = hosts): Snapshot {
  return takeSnapshot({ version: 1n, base: of, entries: Map.groupBy(entries, ({ domain }) => domain), hosts: names });
}

test('a sound snapshot has no fault, and one virtual host for each domain with links', () => {
  const snapshot = snapshotOf([good, { ...good, code: 'été' }, { ...good, domain: 'b.example' }]);
  expect(faultsOf(snapshot, base, roomy)).toEqual([]);
  expect([...snapshot.virtualHosts.keys()]).toEqual(['public/go.example', 'public/b.example']);
  expect(snapshot.virtualHosts.get('public/go.example')?.hosts).toEqual([
    ...['go.example', 'go.example:*', 'alias.example', 'alias.example:*'],
  ]);
});

describe('a snapshot is not sent that has', () => {
  test('two entries of one path', () => {
    expect(faultsOf(snapshotOf([good, { ...good, version: 8n }]), base, roomy)).toEqual(['two_entries_of_one_path']);
  });
  test('no base routes', () => {
    const bare = { ...base, virtualHost: create(VirtualHostSchema, { name: 'all', domains: ['*'] }) };
    expect(faultsOf(snapshotOf([good], bare), bare, roomy)).toEqual(['base_routes_missing']);
  });
  test('base routes that differ from the file', () => {
    expect(faultsOf(snapshotOf([good]), { ...base, digest: 'two' }, roomy)).toEqual(['base_routes_differ']);
  });
  test('more entries, or more bytes, than there is room for', () => {
    const snapshot = snapshotOf([good, { ...good, code: 'b' }]);
    expect(faultsOf(snapshot, base, { entries: 1, bytes: 100_000 })).toEqual(['too_many_entries']);
    expect(faultsOf(snapshot, base, { entries: 10, bytes: 300 })).toEqual(['too_many_bytes']);
  });
  test('a host of another virtual host', () => {
    const twice = new Map([...hosts, ['b.example', ['go.example']]]);
    const snapshot = snapshotOf([good, { ...good, domain: 'b.example' }], base, twice);
    expect(faultsOf(snapshot, base, roomy)).toEqual(['host_of_another_virtual_host']);
  });
  test('a domain whose hosts all belong to the API', () => {
    const names = new Map([['go.example', ['api.example']]]);
    expect(faultsOf(snapshotOf([good], base, names), base, roomy)).toEqual(['domain_without_hosts']);
  });
  test('an entry that Envoy cannot answer', () => {
    const fault = faultsOf(snapshotOf([{ ...good, destination: 'https://example.com/\r\nx: y' }]), base, roomy);
    expect(fault).toEqual(['invalid_header_value']);
  });
});

test.each([
  ['unknown_domain', { domain: 'other.example' }],
  ['unknown_status', { status: 303 as RedirectStatus }],
  ['invalid_header_value', { destination: '' }],
  ['invalid_header_value', { destination: 'https://example.com/é' }],
  ['invalid_header_value', { cacheControl: 'a\nb' }],
  ['invalid_header_value', { destination: `https://example.com/${'x'.repeat(16_384)}` }],
  ['not_a_code', { code: 'a/b' }],
  ['not_a_code', { code: 'e\u0301' }],
  ['not_a_code', { code: '' }],
  ['path_of_a_page', { code: 'readyz' }],
  ['not_an_identifier', { linkId: 'a;b' }],
])('an entry is refused: %s', (fault, change) => {
  expect(faultOf({ ...good, ...change }, new Set(hosts.keys()), base)).toBe(fault);
});

test('an unchanged domain keeps its virtual host', () => {
  const entries = createHotEntries([...hosts.keys()], roomy);
  entries.put(good);
  entries.put({ ...good, domain: 'b.example' });
  const before = takeSnapshot({ version: 1n, base, entries: new Map(entries.lists()), hosts });
  expect(entries.put({ ...good, destination: 'https://example.com/2', version: 8n })).toBe('replaced');
  const after = takeSnapshot({ version: 2n, base, entries: new Map(entries.lists()), hosts }, before);
  expect(after.virtualHosts.get('public/b.example')).toBe(before.virtualHosts.get('public/b.example'));
  expect(after.virtualHosts.get('public/go.example')?.version).toBe(2n);
});

test('entries are kept within their bounds, and what an Envoy refused is not taken again', () => {
  const entries = createHotEntries([...hosts.keys()], { entries: 2, bytes: 100_000 });
  expect(['a', 'b', 'c'].map((code) => entries.put({ ...good, code }))).toEqual(['added', 'added', 'full']);
  expect(entries.put({ ...good, code: 'a' })).toBe('same');
  expect(entries.put({ ...good, code: 'b', destination: '' })).toBe('invalid_header_value');
  expect(entries.count).toBe(1);
  expect(entries.put({ ...good, code: 'b' })).toBe('added');
  expect(entries.remove({ domain: 'go.example', code: 'a' })).toBe(true);
  const bad = { ...good, code: 'c' };
  expect(entries.put(bad)).toBe('added');
  entries.ban(bad);
  expect([entries.put({ ...bad }), entries.put({ ...bad, version: 8n })]).toEqual(['refused_before', 'added']);
  expect(entries.count).toBe(2);
});

test('entries are kept within their bytes, and none has the path of a page', () => {
  const bytes = 2 * encodeEntry(good).length;
  const entries = createHotEntries([...hosts.keys()], { entries: 10, bytes });
  const codes = ['abc', 'abd', 'abe'];
  expect(codes.map((code) => entries.put({ ...good, code }))).toEqual(['added', 'added', 'full']);
  expect(entries.bytes).toBe(bytes);
  entries.remove({ domain: 'go.example', code: 'abc' });
  expect(entries.put({ ...good, code: 'abe' })).toBe('added');
  entries.fit(base);
  expect(entries.put({ ...good, code: 'readyz' })).toBe('path_of_a_page');
});
