import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  create,
  createFileRegistry,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  setExtension,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code, type ConnectError, type Transport } from '@connectrpc/connect';
import { createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AccessSchema, access, Exposure } from '#gen/options/v1/access_pb.ts';
import { ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { checkRpc, type Door, descriptorPath, goodToken, startDoor } from '../testing/door.ts';
import { ask, grpcError } from '../testing/http.ts';

const getLink = 'hop.link.v1.LinkService/GetLink';
const watch = 'hop.link.v1.LinkService/Watch';

let door: Door;
let links: DescService;
const dir = mkdtempSync(join(tmpdir(), 'hop-native-'));

/** The contract with one change: Watch is PUBLIC, to have a stream that goes through the door. */
function withPublicStream(): string {
  const set = fromBinary(FileDescriptorSetSchema, readFileSync(descriptorPath));
  const service = set.file.flatMap((file) => file.service).find(({ name }) => name === 'LinkService');
  const method = service?.method.find(({ name }) => name === 'Watch');
  if (!method?.options) throw new Error('The contract has no Watch.');
  setExtension(method.options, access, create(AccessSchema, { exposure: Exposure.PUBLIC }));
  const path = join(dir, 'streaming.binpb');
  writeFileSync(path, toBinary(FileDescriptorSetSchema, set));
  return path;
}

beforeAll(async () => {
  const path = withPublicStream();
  door = await startDoor({ descriptorPath: path });
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(path)));
  const found = registry.getService('hop.link.v1.LinkService');
  if (!found) throw new Error('The contract has no LinkService.');
  links = found;
});
afterAll(async () => {
  await door.stop();
  rmSync(dir, { recursive: true, force: true });
});
beforeEach(() => door.clear());

const transports: [string, () => Transport][] = [
  ['gRPC', () => createGrpcTransport({ baseUrl: `http://127.0.0.1:${door.envoy.publicPort}` })],
  [
    'gRPC-Web over HTTP/1.1',
    () => createGrpcWebTransport({ baseUrl: `http://127.0.0.1:${door.envoy.publicPort}`, httpVersion: '1.1' }),
  ],
  [
    'gRPC-Web over HTTP/2',
    () => createGrpcWebTransport({ baseUrl: `http://127.0.0.1:${door.envoy.publicPort}`, httpVersion: '2' }),
  ],
];

const headers = (token: string = goodToken) => ({ authorization: token });

function unary(transport: Transport, token?: string) {
  const method = links.method.getLink as DescMethodUnary;
  return transport.unary(method, undefined, 5_000, headers(token), { code: 'abc' } as never);
}

async function failure(promise: Promise<unknown>): Promise<ConnectError> {
  return promise.then(
    () => Promise.reject(new Error('The call succeeded.')),
    (error: ConnectError) => error,
  );
}

const reasonOf = (error: ConnectError) => error.findDetails(ErrorInfoSchema)[0]?.reason;

describe.each(transports)('%s', (_name, transport) => {
  test('a unary call is authorized for its RPC; x-status is metadata and nothing else', async () => {
    door.services.on(getLink, () => ({ metadata: { 'x-status': '201' }, response: { code: 'abc' } }));
    const answer = await unary(transport());
    expect(answer.message).toMatchObject({ code: 'abc' });
    expect(answer.header.get('x-status')).toBe('201');
    const [seen] = door.callsOf(getLink);
    expect(seen?.headers['x-hop-caller']).toBe(getLink);
    expect(seen?.headers).not.toHaveProperty('authorization');
    expect(door.callsOf(checkRpc)).toHaveLength(1);
  });

  test('without credentials it is unauthenticated', async () => {
    const error = await failure(unary(transport(), 'Bearer bad'));
    expect(error.code).toBe(Code.Unauthenticated);
    expect(door.callsOf(getLink)).toEqual([]);
  });

  test('the error of a service keeps its code and message', async () => {
    door.services.on(getLink, () => ({
      error: { code: 5, message: 'no such link', metadata: { 'retry-after': '3' } },
    }));
    const error = await failure(unary(transport()));
    expect([error.code, error.rawMessage, error.metadata.get('retry-after')]).toEqual([
      Code.NotFound,
      'no such link',
      '3',
    ]);
  });

  test("an error of Envoy's own has a reason", async () => {
    const method = links.method.lookupLinks as DescMethodUnary;
    const unknown = await failure(transport().unary(method, undefined, 5_000, headers(), {} as never));
    expect([unknown.code, reasonOf(unknown)]).toEqual([Code.Unimplemented, 'UNIMPLEMENTED']);
  });

  test('headers that only what the mesh adds makes too large exhaust what a call may have', async () => {
    door.services.on(getLink, () => ({ response: { code: 'abc' } }));
    const reasons = new Set<string | undefined>();
    for (let kib = 58; kib < 60 && !reasons.has('REQUEST_TOO_LARGE'); kib += 0.125) {
      const large = { ...headers(), 'x-large': 'a'.repeat(kib * 1024) };
      const method = links.method.getLink as DescMethodUnary;
      const call = transport().unary(method, undefined, 5_000, large, { code: 'abc' } as never);
      const error = await call.then(
        () => undefined,
        (thrown: ConnectError) => thrown,
      );
      if (error) expect([kib, error.code, reasonOf(error)]).toEqual([kib, Code.ResourceExhausted, 'REQUEST_TOO_LARGE']);
      reasons.add(error && reasonOf(error));
    }
    expect([...reasons]).toEqual([undefined, 'REQUEST_TOO_LARGE']);
  });

  test('a stream streams', async () => {
    const changes = ['a', 'b', 'c'].map((cursor) => ({ heartbeat: { cursor } }));
    door.services.on(watch, () => ({ responses: changes }));
    const method = links.method.watch as DescMethodServerStreaming;
    const input = (async function* () {
      yield {} as never;
    })();
    const answer = await transport().stream(method, undefined, 5_000, headers(), input);
    const cursors: string[] = [];
    for await (const message of answer.message)
      cursors.push((message as unknown as { event: { value: { cursor: string } } }).event.value.cursor);
    expect(cursors).toEqual(['a', 'b', 'c']);
    expect(door.callsOf(watch)[0]?.headers['x-hop-caller']).toBe(watch);
  });

  test('a deadline of the caller is the deadline of the call', async () => {
    door.services.on(getLink, () => ({ delayMs: 2_000 }));
    const started = Date.now();
    const method = links.method.getLink as DescMethodUnary;
    const error = await failure(transport().unary(method, undefined, 300, headers(), { code: 'abc' } as never));
    expect(error.code).toBe(Code.DeadlineExceeded);
    expect(Date.now() - started).toBeLessThan(1_500);
    expect((door.callsOf(getLink)[0]?.deadline ?? Number.POSITIVE_INFINITY) - started).toBeLessThan(1_000);
    door.services.on(getLink, () => ({}));
  });
});

test('a path with a query is that of no call: it is refused at the door, with a reason', async () => {
  const answer = await fetch(`http://127.0.0.1:${door.envoy.publicPort}/${getLink}?a=b`, {
    method: 'POST',
    headers: { ...headers(), 'content-type': 'application/grpc-web+proto' },
    body: new Uint8Array(5),
  });
  const details = Buffer.from(answer.headers.get('grpc-status-details-bin') ?? '', 'base64');
  expect([answer.headers.get('grpc-status'), details.includes('UNIMPLEMENTED')]).toEqual(['12', true]);
  expect(door.services.calls).toEqual([]);
});

test.each(['Application/gRPC', 'APPLICATION/GRPC-WEB+PROTO'])(
  'the content type %s, which no service takes, is refused at the door, with a reason',
  async (type) => {
    const answer = await fetch(`http://127.0.0.1:${door.envoy.publicPort}/${getLink}`, {
      method: 'POST',
      headers: { ...headers(), 'content-type': type },
      body: new Uint8Array(5),
    });
    const details = Buffer.from(answer.headers.get('grpc-status-details-bin') ?? '', 'base64');
    expect([answer.headers.get('grpc-status'), details.includes('UNIMPLEMENTED')]).toEqual(['12', true]);
    expect(door.services.calls).toEqual([]);
  },
);

test.each([
  ['application/grpc', 'application/grpc'],
  ['application/grpc-web', 'application/grpc-web+proto'],
  ['application/grpc-web-text', 'application/grpc-web-text+proto'],
])(
  'a request of %s that is no call is refused as %s: without it some clients take no notice of the status',
  async (type, answered) => {
    for (const [path, host, reason] of [
      ['/hop.link.v1.LinkService/Nothing', 'localhost', 'UNIMPLEMENTED'],
      ['/hop.link.v1.LinkService/LookupLinks', 'localhost', 'UNIMPLEMENTED'],
      [`/${getLink}`, 'a@localhost', 'MALFORMED_REQUEST'],
    ] as const) {
      const sent = { ...headers(), host, accept: type, 'content-type': type };
      const answer = await ask(door.envoy.publicPort, path, { method: 'POST', headers: sent, body: Buffer.alloc(5) });
      expect([answer.status, answer.headers['content-type'], answer.body]).toEqual([200, answered, '']);
      expect(grpcError(answer.headers).reason).toBe(reason);
    }
  },
);

describe('a session in a cookie', () => {
  const refresh = 'hop.identity.v1.IdentityService/RefreshSession';
  const setCookie = { 'set-cookie': 'hop_session=new; HttpOnly' };
  /** An empty message, as a page sends it. */
  const asPage = (rpc: string, more: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${door.envoy.publicPort}/${rpc}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/grpc-web+proto',
        cookie: 'hop_session=old',
        authorization: goodToken,
        ...more,
      },
      body: new Uint8Array(5),
    });

  test('goes in under a name that nobody outside can send, and comes out', async () => {
    door.services.on(refresh, () => ({ metadata: setCookie }));
    const answer = await asPage(refresh, { 'x-hop-cookie': 'hop_session=forged' });
    expect(answer.headers.get('set-cookie')).toBe(setCookie['set-cookie']);
    const [seen] = door.callsOf(refresh);
    expect(seen?.headers['x-hop-cookie']).toBe('hop_session=old');
    expect(seen?.headers).not.toHaveProperty('cookie');
  });

  test('is not lost with the cookie of another site on the domain that is not ASCII', async () => {
    const cookie = 'name=J\u00f6rg;hop_session=old; theme=dark ; city=K\u00f6ln';
    await asPage(refresh, { cookie });
    await fetch(`http://127.0.0.1:${door.envoy.publicPort}/api/auth/refresh`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie },
      body: '{"use_cookie": true}',
    });
    const seen = door.callsOf(refresh).map((call) => call.headers['x-hop-cookie']);
    expect(seen).toEqual(['hop_session=old; theme=dark', 'hop_session=old; theme=dark']);
  });

  test('is found among cookies as long as may be, whatever is in them, without keeping anybody waiting', async () => {
    const cookie = `name=J\u00f6rg; wide=a${' '.repeat(50_000)}b; hop_session=old`;
    const since = performance.now();
    await asPage(refresh, { cookie });
    expect(performance.now() - since).toBeLessThan(1_000);
    const [seen] = door.callsOf(refresh);
    expect(String(seen?.headers['x-hop-cookie'])).toMatch(/; hop_session=old$/);
  });

  test('passes the door on no other call, either way', async () => {
    door.services.on(getLink, () => ({ metadata: setCookie }));
    const answer = await asPage(getLink, { 'x-hop-cookie': 'hop_session=forged' });
    expect([answer.status, answer.headers.get('set-cookie')]).toEqual([200, null]);
    const [seen] = door.callsOf(getLink);
    expect(seen?.headers).toMatchObject({ 'x-hop-caller': getLink });
    for (const name of ['cookie', 'x-hop-cookie']) expect(seen?.headers).not.toHaveProperty(name);
  });
});
