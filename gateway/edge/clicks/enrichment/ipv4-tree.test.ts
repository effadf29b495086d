import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import fc from 'fast-check';
import { Reader, type Response } from 'mmdb-lib';
import { parseMetadata } from 'mmdb-lib/lib/metadata.js';
import { describe, expect, test } from 'vitest';
import { packagedGeoFiles } from './geo.ts';
import { createIpv4Tree, ipv4Bits } from './ipv4-tree.ts';

/** Numbers that are the same in each run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const bits = { 24: 3, 28: 3.5, 32: 4 } as const;
type RecordSize = keyof typeof bits;

function writeNode(recordSize: RecordSize, left: number, right: number): Buffer {
  if (recordSize !== 28) {
    const node = Buffer.alloc(2 * bits[recordSize]);
    node.writeUIntBE(left, 0, bits[recordSize]);
    node.writeUIntBE(right, bits[recordSize], bits[recordSize]);
    return node;
  }
  const node = Buffer.alloc(7);
  node.writeUIntBE(left & 0xffffff, 0, 3);
  node[3] = ((left >>> 24) << 4) | (right >>> 24);
  node.writeUIntBE(right & 0xffffff, 4, 3);
  return node;
}

const text = (value: string): Buffer => Buffer.concat([Buffer.from([(2 << 5) | value.length]), Buffer.from(value)]);
const number = (value: number): Buffer => Buffer.from([(6 << 5) | 4, value >>> 24, value >>> 16, value >>> 8, value]);
const map = (entries: Readonly<Record<string, number>>): Buffer =>
  Buffer.concat([
    Buffer.from([(7 << 5) | Object.keys(entries).length]),
    ...Object.entries(entries).flatMap(([key, value]) => [text(key), number(value)]),
  ]);

/** A chain of nodes below a root that goes 96 zeros deep where the file is for IPv6: each has a next node, a record or nothing. */
function database(recordSize: RecordSize, ipVersion: 4 | 6): { readonly db: Buffer; readonly end: number } {
  const below = random(recordSize + ipVersion);
  const depth = (ipVersion === 6 ? 96 : 0) + 30;
  const records = Array.from({ length: 16 }, (_, id) => map({ id }));
  const record = (): number => (below(4) === 0 ? depth : depth + 16 + below(16) * (records[0] as Buffer).length);
  /** The address at the end of the chain. */
  let end = 0;
  const nodes = Array.from({ length: depth }, (_, node) => {
    const next = node + 1 < depth ? node + 1 : record();
    const bit = ipVersion === 6 && node < 96 ? 0 : below(2);
    end = (end << 1) | bit;
    return bit === 0 ? writeNode(recordSize, next, record()) : writeNode(recordSize, record(), next);
  });
  const metadata = map({
    binary_format_major_version: 2,
    ip_version: ipVersion,
    node_count: depth,
    record_size: recordSize,
  });
  const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
  return { db: Buffer.concat([...nodes, Buffer.alloc(16), ...records, marker, metadata]), end: end << 2 };
}

const dotted = (address: number): string => [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');

/** Addresses at random, and of each the nearest ones. */
function addresses(count: number): string[] {
  const below = random(count);
  return Array.from({ length: count }, () => below(2 ** 32)).flatMap((one) =>
    [one, one ^ 1, one ^ 0x10000].map(dotted),
  );
}

/** The library's answer and ours: nothing for the same addresses, and never one record for two answers. */
function expectTheSame(db: Buffer, asked: readonly string[]): Set<number> {
  const reader = new Reader<Response>(db);
  const recordOf = createIpv4Tree(db, parseMetadata(db));
  const answers = new Map<number, string>();
  for (const address of asked) {
    const answer = JSON.stringify(reader.get(address));
    const record = recordOf(ipv4Bits(address) as number);
    expect([address, record === undefined]).toEqual([address, answer === 'null']);
    if (record === undefined) continue;
    expect([address, answers.get(record) ?? answer]).toEqual([address, answer]);
    answers.set(record, answer);
  }
  return new Set(answers.keys());
}

describe('the record of an address is the one that the library finds', () => {
  test('in the database of the installation', () => {
    const edges = ['0.0.0.0', '255.255.255.255', '127.255.255.255', '128.0.0.0', '1.0.0.0', '9.9.9.9'];
    const records = expectTheSame(readFileSync(packagedGeoFiles()[0] as string), [...addresses(3_000), ...edges]);
    expect(records.size).toBeGreaterThan(1_000);
  });

  test.each([
    [24, 4],
    [28, 4],
    [32, 4],
    [24, 6],
    [28, 6],
    [32, 6],
  ] as const)('with records of %i bits, for IPv%i', (recordSize, ipVersion) => {
    const { db, end } = database(recordSize, ipVersion);
    const along = Array.from({ length: 32 }, (_, bit) => dotted(end ^ (1 << bit)));
    expect(expectTheSame(db, [...along, ...addresses(1_000)]).size).toBeGreaterThan(8);
  });
});

describe('the bits of an address', () => {
  test('are those of an IPv4 one', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 32 - 1 }), (bits) => {
        expect(ipv4Bits(dotted(bits))).toBe(bits);
      }),
    );
  });

  test.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '1.2.3.4.',
    '1.2.3.4.5',
    '256.2.3.4',
    '01.2.3.4',
    '00.2.3.4',
    '1.2.3.4 ',
    '::1',
  ])('are none of "%s"', (address) => {
    expect(ipv4Bits(address)).toBeUndefined();
  });

  test('are there for what is an IPv4 address, and for nothing else', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('0', '1', '2', '5', '9', '.', '.', '/', ':'), maxLength: 16 }),
        (text) => {
          expect(ipv4Bits(text) !== undefined).toBe(isIPv4(text));
        },
      ),
      { numRuns: 5_000 },
    );
  });
});
