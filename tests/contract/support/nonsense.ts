import type { JsonObject } from '@bufbuild/protobuf';
import type { Random } from './random.ts';

const deep = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth);

/** JSON values, as text, that no field takes, or that are at its edge. */
const values: readonly string[] = [
  'null',
  'true',
  '0',
  '-1',
  '1.5',
  '1e999',
  '-0',
  '2147483648',
  '9007199254740993',
  '99999999999999999999999999',
  '""',
  '" "',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\u202e"',
  '"\u0007"',
  '"\\u0007"',
  '[]',
  '{}',
  '[null]',
  '[[]]',
  '[{}]',
  '{"a":{}}',
  '"2026-13-45T99:99:99Z"',
  '"0001-01-01T00:00:00Z"',
  '"9999-12-31T23:59:59.999999999Z"',
  '"10000-01-01T00:00:00Z"',
  '"NaN"',
  'NaN',
  'Infinity',
  '"\' or 1=1 --"',
  '"%s%n%x"',
  '"$\\u007bjndi:ldap://example.org/a}"',
  '"<script>alert(1)</script>"',
  '"../../../etc/passwd"',
  `"${'x'.repeat(70_000)}"`,
  `"${'é'.repeat(5_000)}"`,
  `[${'"a",'.repeat(2_000)}"a"]`,
  deep('[', ']', 40),
  deep('{"a":', '}', 40).replace('}', '1}'),
];

/** Bodies that are nothing, or not JSON, or not an object. */
export const brokenBodies: readonly (string | Buffer)[] = [
  '',
  ' ',
  '{',
  '}',
  '[]',
  'null',
  '"text"',
  '42',
  'true',
  '{"a"}',
  '{"a":}',
  "{'long_url':'x'}",
  '{long_url:"x"}',
  '{"long_url":"https://example.org/",}',
  '{"long_url":"https://example.org/"}{}',
  '{"long_url":"https://example.org/"} x',
  '{"long_url":"a","long_url":"b"}',
  '{"long_url":"a","longUrl":"b"}',
  '{"__proto__":{"a":1},"constructor":1}',
  '{"@type":"type.googleapis.com/google.rpc.Status"}',
  '// no\n{}',
  '\ufeff{}',
  Buffer.from('{"long_url":"https://example.org/\xff\xfe"}', 'latin1'),
  Buffer.from('{"name":"\xc3\x28","email":"\xed\xa0\x80"}', 'latin1'),
  Buffer.from('{"title":"\xf4\x90\x80\x80"}', 'latin1'),
  Buffer.from('\x00\x01\x02\x03', 'latin1'),
  deep('[', ']', 30_000),
  deep('{"a":', '}', 30_000),
  `{"long_url":${deep('[', ']', 10_000)}}`,
  `{"tags":[${'[],'.repeat(20_000)}[]]}`,
  `{${Array.from({ length: 5_000 }, (_, index) => `"f${index}":1`).join()}}`,
  `{"long_url":"${'x'.repeat(1_100_000)}"}`,
];

/** The good body with some fields turned into nonsense, or its bytes damaged. */
export function damagedBody(good: JsonObject, fields: readonly string[], random: Random): Buffer {
  const entries = new Map(Object.entries(good).map(([name, value]) => [name, JSON.stringify(value)]));
  for (let count = random.int(3); count >= 0; count--) entries.set(random.pick(fields), random.pick(values));
  const text = `{${[...entries].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join()}}`;
  const body = Buffer.from(text, 'utf8');
  return random.int(3) === 0 ? damaged(body, random) : body;
}

/** Some bytes replaced, left out or put in. */
export function damaged(bytes: Buffer, random: Random): Buffer {
  let result = bytes;
  for (let count = random.int(4); count >= 0; count--) {
    const at = random.int(result.length + 1);
    const put = random.bytes(random.int(4));
    result = Buffer.concat([result.subarray(0, at), put, result.subarray(at + random.int(3))]);
  }
  return result;
}

const segments: readonly string[] = [
  '%00',
  '%ff',
  '%C3%28',
  '%ED%A0%80',
  '%2e%2e',
  '..%2f..%2fetc',
  '%0d%0aset-cookie:a=b',
  '%25%30%30',
  '%u0041',
  '%',
  '%2',
  ':undelete',
  'x:nothing',
  'x%3Aundelete',
  '%F0%9F%98%80',
  'a%CC%81'.repeat(70),
  'x'.repeat(300),
  'x'.repeat(9_000),
  '\xe9',
  '{code}',
  '*',
  '**',
  ';a=b',
  '~',
  "'%20or%201=1--",
];

/** A path whose variable is nonsense. */
export const damagedPath = (path: string, code: string, random: Random): string =>
  path.replace(encodeURIComponent(code), () => random.pick(segments));

/** A query of the call's own parameters, with nonsense for their values. */
export function damagedQuery(names: readonly string[], random: Random): string {
  const pairs = Array.from({ length: 1 + random.int(3) }, () => {
    const value = random.pick([
      ...segments,
      ...values.filter((text) => text.length < 200).map(encodeURIComponent),
      '+',
      '=',
    ]);
    return `${random.pick(names)}=${value}`;
  });
  return random.pick(['', '&', '?']) + pairs.join('&');
}

/** What stands in a gRPC body where one good message should. */
export function brokenFrames(good: Buffer, random: Random): Record<string, Buffer> {
  const frame = (message: Buffer, flag = 0, length = message.length): Buffer => {
    const head = Buffer.alloc(5);
    head.writeUInt8(flag, 0);
    head.writeUInt32BE(length, 1);
    return Buffer.concat([head, message]);
  };
  const invalidText = Buffer.from([0x0a, 0x02, 0xc3, 0x28]);
  return {
    nothing: Buffer.alloc(0),
    'half a head': Buffer.from([0, 0]),
    'a head alone': frame(Buffer.alloc(0), 0, 10),
    'less than its head says': frame(good, 0, good.length + 100),
    'more than its head says': frame(good, 0, Math.max(0, good.length - 1)),
    'four gigabytes': frame(good, 0, 0xffffffff),
    'a compressed message that is none': frame(good, 1),
    'an unknown flag': frame(good, 0x7e),
    'a trailer of gRPC-Web': frame(Buffer.from('grpc-status: 0\r\n'), 0x80),
    'two messages': Buffer.concat([frame(good), frame(good)]),
    'text that is not UTF-8': frame(invalidText),
    'another wire type': frame(Buffer.from([0x08, 0x01, 0x10, 0x01, 0x18, 0x01])),
    'field 0': frame(Buffer.from([0x00, 0x01])),
    'a wire type that is none': frame(Buffer.from([0x0e, 0x01])),
    'a varint without end': frame(Buffer.alloc(30, 0xff)),
    'groups in groups': frame(Buffer.alloc(20_000, 0x0b)),
    'messages in messages': frame(nested(2_000)),
    'a length past the end': frame(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])),
    'more than a mebibyte': frame(Buffer.concat([good, Buffer.alloc(1_200_000, 0x78)])),
    ...Object.fromEntries(
      Array.from({ length: 6 }, (_, index) => [`random ${index}`, frame(random.bytes(1 + random.int(60)))]),
    ),
    ...Object.fromEntries(Array.from({ length: 4 }, (_, index) => [`damaged ${index}`, damaged(frame(good), random)])),
  };
}

function nested(depth: number): Buffer {
  let message: Buffer = Buffer.alloc(0);
  for (let level = 0; level < depth; level++) {
    const length: number[] = [];
    for (let rest = message.length; ; rest >>>= 7) {
      if (rest < 128) {
        length.push(rest);
        break;
      }
      length.push((rest & 127) | 128);
    }
    message = Buffer.concat([Buffer.from([0x1a, ...length]), message]);
  }
  return message;
}
