import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { temporaryDirectory } from '#runtime/testing/temporary-directory.ts';
import { nowhere, openGeo, packagedGeoFiles } from './geo.ts';

const directory = temporaryDirectory();

type Value = string | number | { readonly [key: string]: Value } | readonly Value[];

/** A value as the MaxMind DB format writes it; no text longer than 284, no other part longer than 28. */
function encode(value: Value): Buffer {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    const { length } = bytes;
    return Buffer.concat([Buffer.from(length < 29 ? [(2 << 5) | length] : [(2 << 5) | 29, length - 29]), bytes]);
  }
  if (typeof value === 'number') return Buffer.from([(6 << 5) | 4, ...new Uint8Array(bigEndian(value))]);
  if (Array.isArray(value)) return Buffer.concat([Buffer.from([value.length, 11 - 7]), ...value.map(encode)]);
  const entries = Object.entries(value as Readonly<Record<string, Value>>);
  const parts = entries.flatMap(([key, part]) => [encode(key), encode(part)]);
  return Buffer.concat([Buffer.from([(7 << 5) | entries.length]), ...parts]);
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A database of one node, in which every address has the same record. */
function database(name: string, ipVersion: number, record: Value): string {
  const pointer = 1 + 16;
  const tree = Buffer.from([0, 0, pointer, 0, 0, pointer]);
  const metadata = {
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1,
    database_type: 'test',
    ip_version: ipVersion,
    node_count: 1,
    record_size: 24,
  };
  const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
  const path = join(directory, name);
  writeFileSync(path, Buffer.concat([tree, Buffer.alloc(16), encode(record), marker, encode(metadata)]));
  return path;
}

describe('the databases of the installation', () => {
  test('know where addresses of both versions are', async () => {
    const geo = await openGeo(undefined, silentLog);
    await geo.check();
    expect(geo.of('8.8.8.8').country).toBe('US');
    expect(geo.of('::ffff:8.8.8.8')).toEqual(geo.of('8.8.8.8'));
    expect(geo.of('193.0.6.139')).toMatchObject({ country: 'NL' });
    expect(geo.of('2a00:1450:4009::1').country).toBe('GB');
    expect(geo.of('8.8.8.8').city).not.toBe('');
  });

  test('carry a licence that asks for nothing but a link to DB-IP', () => {
    const licence = readFileSync(join(packagedGeoFiles()[0] ?? '', '../DBIP-LICENSE'), 'utf8');
    expect(licence).toContain('Creative Commons Attribution 4.0');
  });
});

describe('what a record says', () => {
  test.each([
    ['flat', { country_code: 'GB', state1: 'England', city: 'London' }],
    [
      'nested',
      { country: { iso_code: 'GB' }, subdivisions: [{ names: { en: 'England' } }], city: { names: { en: 'London' } } },
    ],
  ])('%s', async (name, record) => {
    const geo = await openGeo([database(`${name}.mmdb`, 6, record)], silentLog);
    const london = { country: 'GB', region: 'England', city: 'London' };
    expect(geo.of('2001:db8::1')).toEqual(london);
    expect(geo.of('192.0.2.1')).toEqual(london);
  });

  test('a district is left out', async () => {
    const record = { country_code: 'DE', state1: 'Land Berlin', city: 'Berlin (Bezirk Mitte)' };
    const geo = await openGeo([database('district.mmdb', 4, record)], silentLog);
    expect(geo.of('192.0.2.1').city).toBe('Berlin');
  });

  test('what is no text, no country, or holds control characters does not come through', async () => {
    const record = { country_code: 'United Kingdom', state1: 7, city: 'Lon\ndon ' };
    const geo = await openGeo([database('odd.mmdb', 4, record)], silentLog);
    expect(geo.of('192.0.2.1')).toEqual({ country: '', region: '', city: 'London' });
  });
});

test('a name that is too long for what it is counted by is cut', async () => {
  const geo = await openGeo([database('long.mmdb', 4, { country_code: 'GB', city: 'x'.repeat(200) })], silentLog);
  expect(geo.of('192.0.2.1').city).toBe('x'.repeat(100));
});

test.each([
  '127.0.0.1',
  '10.1.2.3',
  '172.31.255.1',
  '192.168.0.1',
  '169.254.1.1',
  '100.64.0.1',
  '255.255.255.255',
  '::1',
  'fe80::1',
  'fd00::1',
  '::',
  '::ffff:127.0.0.1',
  '',
  'localhost',
  '1.2.3',
  '8.8.8.8:80',
  '0x7f.1',
])('%j is nowhere, and costs no database', async (address) => {
  const path = database('lazy.mmdb', 6, { country_code: 'GB' });
  const geo = await openGeo([path], silentLog);
  writeFileSync(path, 'no database');
  expect(geo.of(address)).toEqual(nowhere);
  await geo.check();
});

describe('a file that cannot be used', () => {
  test.each([
    ['is not there', undefined],
    ['is empty', ''],
    ['is something else', 'GEO'.repeat(100_000)],
  ])('%s: no place, and the check says so', async (name, content) => {
    const path = join(directory, `${name}.mmdb`);
    if (content !== undefined) writeFileSync(path, content);
    const geo = await openGeo([path, database('other.mmdb', 6, { country_code: 'GB' })], silentLog);
    await expect(geo.check()).rejects.toThrow(path);
    expect(geo.of('2001:db8::1').country).toBe('GB');
  });

  test('is cut off in its middle', async () => {
    const path = join(directory, 'cut.mmdb');
    const [packaged = ''] = packagedGeoFiles();
    writeFileSync(path, readFileSync(packaged).subarray(-200_000));
    const geo = await openGeo([path], silentLog);
    await expect(geo.check()).rejects.toThrow(path);
    expect(geo.of('8.8.8.8')).toEqual(nowhere);
  });

  test('goes bad after it was opened: no place from then on, and no fault', async () => {
    const path = database('bad.mmdb', 4, { country_code: 'GB' });
    const log = { ...silentLog, error: vi.fn() };
    const geo = await openGeo([path], log);
    await geo.check();
    writeFileSync(path, 'gone');
    for (let click = 0; click < 3; click++) expect(geo.of('8.8.8.8')).toEqual(nowhere);
    await expect(geo.check()).rejects.toThrow(path);
    expect(log.error).toHaveBeenCalledOnce();
  });

  test('no file at all is what was asked for', async () => {
    const geo = await openGeo([], silentLog);
    expect(geo.of('8.8.8.8')).toEqual(nowhere);
    await geo.check();
  });
});
