import { randomInt, randomUUID } from 'node:crypto';
import http2 from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { call } from '../support/http.ts';
import { pidsOfParts } from '../support/parts.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { type Connection, httpRequest, openConnection, type WireAnswer } from './support/connection.ts';
import { brokenBodies, brokenFrames, damagedBody, damagedPath, damagedQuery } from './support/nonsense.ts';
import { type PublicCall, publicCalls, requestOf, restFormsOf, type Subject } from './support/public-calls.ts';
import { type Random, randomFrom } from './support/random.ts';
import { leakIn } from './support/refusals.ts';

const seed = Number(process.env.HOP_FUZZ_SEED ?? randomInt(2 ** 31));
process.stdout.write(`tests/contract/fuzz.test.ts: HOP_FUZZ_SEED=${seed}\n`);
/** Each test draws from a source of its own, so that it can be run again alone. */
const randomFor = (name: string): Random =>
  randomFrom([...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, seed));

let ada: Person;
/** Whose sessions may end. */
let victim: Person;
let lost: Person;
let subject: Subject;
/** A link that no test touches. */
let followed: { code: string; long_url: string };
let pids: Record<string, number>;
beforeAll(async () => {
  [ada, victim, lost] = await Promise.all([newPerson(), newPerson(), newPerson()]);
  followed = await newLink(victim);
  pids = pidsOfParts();
});
beforeEach(async () => {
  const { code } = await newLink(ada);
  subject = {
    code,
    apiKeyId: randomUUID(),
    userId: randomUUID(),
    invitationId: randomUUID(),
    refreshToken: lost.refreshToken,
  };
});
afterAll(() => expect(pidsOfParts(), `HOP_FUZZ_SEED=${seed}`).toEqual(pids));

/** A request's first line and the beginning of its body. */
const shown = (request: Buffer): string => {
  const text = request.toString('latin1');
  return JSON.stringify([text.split('\r\n')[0]?.slice(0, 200), text.slice(text.indexOf('\r\n\r\n') + 4).slice(0, 200)]);
};

/** A connection that is opened anew when the door has closed it, and that has to stay in step. */
async function keptAlive(): Promise<{ ask(request: Buffer): Promise<WireAnswer | undefined>; close(): void }> {
  let connection: Connection = await openConnection();
  let turn = 0;
  const reopened = async (): Promise<Connection> => {
    if (connection.closed) {
      connection.close();
      connection = await openConnection();
    }
    return connection;
  };
  const goodRequests = [
    [
      'GET',
      '/api/v1/users/me',
      (answer: WireAnswer) => JSON.parse(answer.body).id === ada.userId && answer.status === 200,
    ],
    ['HEAD', `/${followed.code}`, (answer: WireAnswer) => answer.headers.get('location') === followed.long_url],
    ['GET', `/r/${followed.code}`, (answer: WireAnswer) => answer.headers.get('location') === followed.long_url],
    ['GET', '/healthz', (answer: WireAnswer) => answer.body === 'ok\n'],
  ] as const;
  return {
    async ask(request) {
      (await reopened()).send(request);
      const answer = await connection.answer();
      const [method, path, right] = goodRequests[turn++ % goodRequests.length] as (typeof goodRequests)[number];
      const next = await reopened();
      expect(next.rest, `left over after ${shown(request)}`).toBe('');
      next.send(httpRequest(method, path, { authorization: `Bearer ${ada.token}` }));
      const good = await next.answer(method === 'HEAD');
      expect(good && right(good), `seed ${seed}: after ${shown(request)}: ${JSON.stringify(good)}`).toBe(true);
      return answer;
    },
    close: () => connection.close(),
  };
}

function expectCalm(answer: WireAnswer | undefined, request: Buffer): void {
  const seen = `seed ${seed}: ${shown(request)} -> ${answer?.status} ${answer?.body.slice(0, 300)}`;
  if (answer === undefined) throw new Error(`no answer: ${seen}`);
  expect(answer.status, seen).toBeGreaterThanOrEqual(200);
  expect(answer.status, seen).toBeLessThan(500);
  if (answer.status >= 400) {
    expect(leakIn(answer.body), seen).toBeUndefined();
    expect(answer.body, seen).toContain('google.rpc.ErrorInfo');
  }
}

/** Nobody minds when the call that ends the session works. */
async function tokenFor({ name }: PublicCall): Promise<string> {
  if (name !== 'IdentityService/LogOut') return ada.token;
  if ((await call('/api/v1/users/me', { token: victim.token })).status === 401) victim = await newPerson();
  return victim.token;
}

const restCalls = publicCalls.filter(({ rules }) => rules.length > 0).map((found) => [found.name, found] as const);

describe('bad requests by REST meet no 5xx, no leak, and leave the connection in step', () => {
  it.each(restCalls)('%s', async (name, publicCall) => {
    const random = randomFor(name);
    const connection = await keptAlive();
    const fields = [...publicCall.method.input.fields.map((field) => field.name), 'patch', 'nonsense'];
    for (const form of restFormsOf(publicCall, subject)) {
      const tries: [path: string, body: string | Buffer | undefined][] = [];
      for (let count = 0; count < 8; count++) {
        const path = damagedPath(form.path.split('?')[0] ?? '', subject.code, random);
        tries.push([`${path}?${damagedQuery(fields, random)}`, form.body && JSON.stringify(form.body)]);
      }
      if (form.body !== undefined) {
        for (const body of brokenBodies) tries.push([form.path, body]);
        const patchFields = [...fields, 'alias', 'long_url', 'ttl', 'expires_at', 'is_active', 'title', 'tags', 'etag'];
        for (let count = 0; count < 24; count++) tries.push([form.path, damagedBody(form.body, patchFields, random)]);
      }
      for (const [path, body] of tries) {
        const headers = {
          authorization: `Bearer ${await tokenFor(publicCall)}`,
          'content-type': random.pick([
            'application/json',
            'application/json',
            'text/plain',
            'application/json; charset=x',
          ]),
          ...(random.int(4) === 0
            ? { 'idempotency-key': random.pick(['\x01', '', 'x'.repeat(300), '\xff', 'a,b']) }
            : {}),
        };
        const request = httpRequest(form.method, path, headers, body);
        expectCalm(await connection.ask(request), request);
      }
    }
    connection.close();
  });
});

/** INTERNAL, UNKNOWN and DATA_LOSS would be faults of ours. */
const faults = new Set(['2', '13', '15']);

/** A stream that was let in goes on until it is left. */
const streamMs = 150;
const streams = ({ method }: PublicCall): boolean => method.methodKind !== 'unary';

describe('bad messages by gRPC meet no fault of ours, and leave the connection in step', () => {
  it.each(publicCalls.map((found) => [found.name, found] as const))('%s', async (name, publicCall) => {
    const session = openSession();
    const ask = (path: string, body: Buffer, token = ada.token, leaveMs?: number) =>
      grpcOver(session, path, body, { authorization: `Bearer ${token}` }, leaveMs);
    const leaveMs = streams(publicCall) ? streamMs : undefined;
    const message = Buffer.from(toBinary(publicCall.method.input, requestOf(publicCall, subject)));
    for (const [what, body] of Object.entries(brokenFrames(message, randomFor(`gRPC ${name}`)))) {
      const answer = await ask(publicCall.path, body, await tokenFor(publicCall), leaveMs);
      const seen = `seed ${seed}: ${what} -> ${JSON.stringify(answer)}`;
      expect(answer.http, seen).toBeLessThan(500);
      expect(faults.has(answer.status), seen).toBe(false);
      expect(leakIn(answer.message), seen).toBeUndefined();
      const good = await ask('/hop.identity.v1.IdentityService/GetCurrentUser', Buffer.alloc(5));
      expect([good.http, good.status], `after ${seen}`).toEqual([200, '0']);
    }
    session.close();
  });
});

describe('odd headers of gRPC meet no fault of ours', () => {
  it.each<[string, string]>([
    ['grpc-timeout', ''],
    ['grpc-timeout', '-1S'],
    ['grpc-timeout', '99999999999S'],
    ['grpc-timeout', '1x'],
    ['grpc-timeout', '99999999H'],
    ['grpc-encoding', 'gzip'],
    ['grpc-encoding', 'snappy'],
    ['grpc-encoding', '\u0001'],
    ['grpc-accept-encoding', 'nothing,,,'],
    ['content-type', 'application/grpc+thrift'],
    ['content-type', 'application/grpc; charset=utf-8'],
    ['content-type', 'application/grpcx'],
    ['te', 'nonsense'],
    ['grpc-status', '0'],
    ['grpc-message', '%ff'],
    ['x-hop-caller-bin', '////'],
    ['some-bin', '!!! not base64 !!!'],
    ['traceparent', '00-zz-zz-zz'],
    ['authorization', `Bearer ${'x'.repeat(20_000)}`],
  ])('%s: %j', async (name, value) => {
    const session = openSession();
    for (const flag of [0, 1]) {
      const body = Buffer.concat([Buffer.from([flag, 0, 0, 0, 0]), Buffer.alloc(0)]);
      const headers = { authorization: `Bearer ${ada.token}`, [name]: value };
      const answer = await grpcOver(session, '/hop.identity.v1.IdentityService/GetCurrentUser', body, headers).catch(
        String,
      );
      if (typeof answer === 'string') continue; // Node itself would not send it.
      expect(answer.http, JSON.stringify(answer)).toBeLessThan(500);
      // A flag of compression without an encoding, and a timeout that is none, are INTERNAL to every gRPC server.
      if (flag === 0 && name !== 'grpc-timeout') expect(faults.has(answer.status), JSON.stringify(answer)).toBe(false);
      expect(leakIn(answer.message)).toBeUndefined();
    }
    session.close();
  });
});

describe('bytes that are not HTTP, or two requests in one, meet a refusal or a hang-up', () => {
  const get = 'GET /healthz HTTP/1.1\r\nhost: localhost\r\n';
  const post = 'POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';
  it.each<[string, string | Buffer]>([
    ['nothing but line ends', '\r\n\r\n\r\n\r\n'],
    ['no method', '/ HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['HTTP/0.9', 'GET /\r\n\r\n'],
    ['HTTP/9.9', 'GET / HTTP/9.9\r\nhost: localhost\r\n\r\n'],
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n'],
    ['two hosts', `${get}host: example.org\r\n\r\n`],
    ['a host that is none', 'GET /abc HTTP/1.1\r\nhost: a b\r\n\r\n'],
    ['a path without a slash', 'GET healthz HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['a NUL in the path', 'GET /\0 HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['a NUL in a header', `${get}x: a\0b\r\n\r\n`],
    ['a bare CR in a header', `${get}x: a\rb\r\n\r\n`],
    ['a folded header', `${get}x: a\r\n b\r\n\r\n`],
    ['a space before the colon', `${get}x : a\r\n\r\n`],
    ['a header without a colon', `${get}nonsense\r\n\r\n`],
    [
      'length and chunks',
      `${post}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n`,
    ],
    ['two lengths', `${post}content-length: 2\r\ncontent-length: 3\r\n\r\n{}x`],
    ['a negative length', `${post}content-length: -1\r\n\r\n`],
    ['a length of letters', `${post}content-length: abc\r\n\r\n`],
    ['a length in hex', `${post}content-length: 0x2\r\n\r\n{}`],
    ['chunks of a size that is none', `${post}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`],
    ['chunks of a negative size', `${post}transfer-encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n`],
    ['an encoding nobody knows', `${post}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ['an encoding in disguise', `${post}transfer-encoding: xchunked\r\ncontent-length: 2\r\n\r\n{}`],
    ['CONNECT', 'CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n'],
    ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    ['another site’s URL', 'GET http://example.org/healthz HTTP/1.1\r\nhost: localhost\r\n\r\n'],
    [
      'an upgrade to h2c',
      `${get}connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n`,
    ],
    ['an upgrade to websocket', `${get}connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\n\r\n`],
    ['a thousand headers', `${get}${Array.from({ length: 1_000 }, (_, index) => `x-${index}: a\r\n`).join('')}\r\n`],
    ['TLS', Buffer.from('16030100050100000103030000000000', 'hex')],
    [
      'a preface of HTTP/2 and then noise',
      Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), randomFor('noise').bytes(300)]),
    ],
    ['noise', randomFor('more noise').bytes(2_000)],
  ])('%s', async (_, bytes) => {
    const connection = await openConnection();
    connection.send(bytes);
    const answer = await Promise.race([connection.answer(), sleep(400, 'silent' as const)]);
    connection.close();
    // Silence is waiting for the rest of a request, and ends by itself (request_headers_timeout).
    if (answer !== undefined && answer !== 'silent' && answer.status !== 0) {
      expect(answer.status, answer.body).toBeLessThan(500);
      expect(leakIn(answer.body)).toBeUndefined();
    }
    expect((await call('/healthz')).status).toBe(200);
  });
});

interface GrpcAnswer {
  readonly http: number;
  readonly status: string;
  readonly message: string;
}

function grpcOver(
  session: http2.ClientHttp2Session,
  path: string,
  body: Buffer,
  headers: Record<string, string>,
  leaveMs?: number,
): Promise<GrpcAnswer> {
  return new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    const seen: Record<string, string> = {};
    const note = (more: http2.IncomingHttpHeaders): void => void Object.assign(seen, more);
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('error', () => {});
    stream.resume();
    stream.on('close', () =>
      resolve({
        http: Number(seen[':status'] ?? 0),
        status: seen['grpc-status'] ?? '',
        message: decodeURIComponent(seen['grpc-message'] ?? ''),
      }),
    );
    stream.end(body);
    if (leaveMs !== undefined) stream.setTimeout(leaveMs, () => stream.close(http2.constants.NGHTTP2_CANCEL));
  });
}

/** Without a delay: 40 ms of it for each call would be most of the test. */
function openSession(): http2.ClientHttp2Session {
  const { hostname, port } = new URL(inject('meshUrl'));
  return http2.connect(inject('meshUrl'), {
    createConnection: () => connect({ host: hostname, port: Number(port), noDelay: true }),
  });
}

describe('bad messages by gRPC-Web meet no fault of ours, and leave the connection in step', () => {
  it.each(publicCalls.map((found) => [found.name, found] as const))('%s', async (name, publicCall) => {
    const random = randomFor(`gRPC-Web ${name}`);
    const connection = await keptAlive();
    const message = Buffer.from(toBinary(publicCall.method.input, requestOf(publicCall, subject)));
    for (const [what, frame] of Object.entries(brokenFrames(message, random))) {
      const type = random.pick(['application/grpc-web+proto', 'application/grpc-web', 'application/grpc-web-text']);
      const body = type.endsWith('text') && random.int(4) > 0 ? Buffer.from(frame.toString('base64')) : frame;
      const headers = { 'content-type': type, 'x-grpc-web': '1' };
      const authorization = `Bearer ${await tokenFor(publicCall)}`;
      const request = httpRequest('POST', publicCall.path, { ...headers, authorization }, body);
      const answer = await (streams(publicCall) ? askAndLeave(request) : connection.ask(request));
      if (answer === 'stream') continue;
      const seen = `seed ${seed}: ${what} as ${type} -> ${JSON.stringify(answer && { ...answer, headers: [...answer.headers] })}`;
      if (answer === undefined) throw new Error(seen);
      expect(answer.status, seen).toBeLessThan(500);
      const text = type.endsWith('text') ? Buffer.from(answer.body, 'base64').toString('latin1') : answer.body;
      // Base64 that is none is HTTP's 400, which gRPC-Web clients read as INTERNAL.
      if (answer.status === 400 && type.endsWith('text')) continue;
      const status = answer.headers.get('grpc-status') ?? /grpc-status:\s*(\d+)/.exec(text)?.[1] ?? '';
      expect(faults.has(status), seen).toBe(false);
      expect(leakIn(decodeURIComponent(answer.headers.get('grpc-message') ?? '')), seen).toBeUndefined();
    }
    connection.close();
  });
});

/** The answer on a connection of its own, or that it is a stream which goes on. */
async function askAndLeave(request: Buffer): Promise<WireAnswer | undefined | 'stream'> {
  const connection = await openConnection();
  connection.send(request);
  const answer = await Promise.race([connection.answer(), sleep(streamMs, 'stream' as const)]);
  connection.close();
  return answer;
}
