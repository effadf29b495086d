import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Tier } from '#gen/event/v1/click_pb.ts';
import { type ClickLine, parseLine } from './parse.ts';

const whole = {
  v: 1,
  at: '1764000000123456',
  request_id: '5F8A1C7E-0B1D-4E2F-9A3B-4C5D6E7F8091',
  method: 'GET',
  status: 302,
  host: 'localhost',
  path: '/abc',
  link_id: '0192f0c1-2222-7333-8444-555566667777',
  workspace_id: '0192f0c1-aaaa-7bbb-8ccc-ddddeeeeffff',
  link_version: '42',
  tier: 'redis',
  domain: 'localhost',
  code: 'caf%C3%A9',
  referrer: 'https://news.example/a?b',
  user_agent: 'curl/8',
  accept_language: 'de-CH,de;q=0.9',
  sec_purpose: null,
  dnt: null,
  sec_gpc: '1',
  address: '192.0.2.7',
  traceparent: null,
};
const line = (changes: Record<string, unknown> = {}): string => JSON.stringify({ ...whole, ...changes });

test('reads a line of Envoy', () => {
  expect(parseLine(line())).toEqual({
    atUs: 1_764_000_000_123_456,
    requestId: '5f8a1c7e0b1d4e2f9a3b4c5d6e7f8091',
    method: 'GET',
    status: 302,
    link: {
      linkId: '0192f0c1-2222-7333-8444-555566667777',
      workspaceId: '0192f0c1-aaaa-7bbb-8ccc-ddddeeeeffff',
      linkVersion: 42n,
      tier: Tier.REDIS,
      domain: 'localhost',
      code: 'café',
    },
    path: '/abc',
    referrer: 'https://news.example/a?b',
    userAgent: 'curl/8',
    acceptLanguage: 'de-CH,de;q=0.9',
    secPurpose: '',
    doNotTrack: true,
    address: '192.0.2.7',
    traceparent: '',
  });
});

test('a request is traced if its id says so and the line names its span', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331';
  const request_id = '57d156cc-a8a2-9a98-8251-9f0d76640d5e';
  expect(parseLine(line({ traceparent, request_id }))).toMatchObject({ traceparent: `${traceparent}-01` });
  expect(parseLine(line({ traceparent }))).toMatchObject({ traceparent: '' });
  for (const odd of [null, '00--', `${traceparent}-01`, traceparent.toUpperCase(), 7])
    expect(parseLine(line({ traceparent: odd, request_id }))).toMatchObject({ traceparent: '' });
});

test("reads a line that has the link's fields in one", () => {
  const { link_id, workspace_id, link_version, tier: _, domain, code, ...rest } = whole;
  const hot = (click: string): string => JSON.stringify({ ...rest, click });
  const click = [link_id, workspace_id, link_version, 'edge', domain, code].join(';');
  const { link, ...others } = parseLine(line()) as ClickLine;
  expect(parseLine(hot(click))).toEqual({ ...others, link: { ...link, tier: Tier.EDGE } });
  for (const odd of ['hop.resolver.v1.ResolverService/Redirect', '', ';;;;', `${click};x`, ';;;;;'])
    expect(parseLine(hot(odd))).toBe('not_a_click');
});

test('numbers may come as text', () => {
  expect(parseLine(line({ v: '1', status: '308', link_version: 7 }))).toMatchObject({
    status: 308,
    link: { linkVersion: 7n },
  });
});

test('a HEAD is kept, as what it is', () => {
  expect(parseLine(line({ method: 'HEAD' }))).toMatchObject({ method: 'HEAD' });
});

test.each([
  ['no link was found', { link_id: null }],
  ['the answer was a page', { status: 200 }],
  ['the link was gone', { status: 410 }],
  ['the method does not follow', { method: 'POST' }],
])('is no click: %s', (_, changes) => {
  expect(parseLine(line(changes))).toBe('not_a_click');
});

test.each([
  ['another format', { v: 2 }],
  ['no format', { v: null }],
  ['no time', { at: null }],
  ['a time that is none', { at: 'yesterday' }],
  ['a time of another age', { at: '17' }],
  ['a time that no database takes', { at: '4102444800000000' }],
  ['no request id', { request_id: null }],
  ['a request id of its own making', { request_id: 'x'.repeat(36) }],
  ['a link id that is none', { link_id: '1 or 1=1' }],
  ['a workspace id that is none', { workspace_id: 7 }],
])('is malformed: %s', (_, changes) => {
  expect(parseLine(line(changes))).toBe('malformed');
});

test.each([
  [{ dnt: '1', sec_gpc: null }, true],
  [{ dnt: null, sec_gpc: '1' }, true],
  [{ dnt: '0', sec_gpc: '0' }, false],
  [{ dnt: null, sec_gpc: null }, false],
])('who wants not to be tracked says so by either header: %j', (changes, doNotTrack) => {
  expect(parseLine(line(changes))).toMatchObject({ doNotTrack });
});

describe('hostile lines', () => {
  test('texts are capped and free of control characters and half pairs', () => {
    const parsed = parseLine(
      line({ user_agent: `a\u0000b\u001b${'x'.repeat(5_000)}`, domain: '\ud800', code: '%ZZ%00' }),
    );
    expect(parsed).toMatchObject({ link: { domain: '\ufffd', code: '%ZZ%00' } });
    expect(parsed).toHaveProperty('userAgent.length', 512);
  });

  test('a text is capped also where nothing else is wrong with it', () => {
    expect(parseLine(line({ user_agent: 'x'.repeat(513), referrer: 'x'.repeat(2_049) }))).toMatchObject({
      userAgent: 'x'.repeat(512),
      referrer: 'x'.repeat(2_048),
    });
  });

  test('a code may not bring a NUL in by its encoding', () => {
    expect(parseLine(line({ code: 'a%00b' }))).toHaveProperty('link.code', 'ab');
  });

  test('fields of any other type are not known', () => {
    expect(parseLine(line({ referrer: { a: 1 }, user_agent: [1], accept_language: 7, dnt: true }))).toMatchObject({
      referrer: '',
      userAgent: '',
      acceptLanguage: '',
    });
  });

  test('never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.object().map((fields) => line(fields)),
        ),
        (text) => {
          parseLine(text);
        },
      ),
    );
  });
});

describe('a torn line with a whole one behind it', () => {
  test('costs only the torn one, wherever it was torn', () => {
    const torn = line({ referrer: 'https://a.example/{"x' });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: torn.length - 1 }), (length) => {
        expect(parseLine(torn.slice(0, length) + line())).toMatchObject({
          requestId: '5f8a1c7e0b1d4e2f9a3b4c5d6e7f8091',
        });
      }),
    );
  });

  test('zeros of a lost page are malformed', () => {
    expect(parseLine('\0'.repeat(4_096))).toBe('malformed');
  });
});
