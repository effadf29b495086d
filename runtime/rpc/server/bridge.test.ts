import { once } from 'node:events';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { StatusSchema } from '#gen-google/rpc/status_pb.ts';
import { fromConnectError, invalidFields, unavailable } from '../../errors/errors.ts';
import { type Echo, echo, failure, raw, reasonOf, useEchoServer } from '../../testing/echo-server.ts';
import { EchoService } from '../../testing/echo-service.ts';
import { testPerson, testService } from '../../testing/keys.ts';
import { startTestServer, type TestServer } from '../../testing/test-server.ts';
import { authorityOf, metadataOf, requestIdOf, setResponseMetadata } from '../call.ts';
import { service } from '../endpoint.ts';

const start = useEchoServer();

describe('unary calls', () => {
  it('answers what the handler gives at once or later', async () => {
    const on = await start({ anonymous: async ({ text }) => ({ text: `late ${text}` }) });
    const client = on.client(EchoService);
    expect((await client.open({ text: 'ö' })).text).toBe('ö');
    expect((await client.anonymous({ text: 'b' })).text).toBe('late b');
  });

  it('gives the handler metadata, authority and request id, and sends its metadata first', async () => {
    const seen: (string | undefined)[] = [];
    const on = await start({
      open(_, context) {
        seen.push(
          metadataOf(context, 'X-Given'),
          authorityOf(context),
          requestIdOf(context),
          context.requestHeader.get('x-given') ?? '',
        );
        setResponseMetadata(context, 'location', 'https://example.com/');
        context.responseHeader.set('x-more', 'yes');
        context.responseTrailer.set('x-last', 'end');
        return { text: '' };
      },
    });
    let header = new Headers();
    let trailer = new Headers();
    await on.client(EchoService).open(
      { text: '' },
      {
        headers: { 'x-given': 'value', 'x-request-id': 'req-1' },
        onHeader: (got) => {
          header = got;
        },
        onTrailer: (got) => {
          trailer = got;
        },
      },
    );
    expect(seen).toEqual(['value', `127.0.0.1:${on.address.port}`, 'req-1', 'value']);
    expect([header.get('location'), header.get('x-more'), trailer.get('x-last')]).toEqual([
      'https://example.com/',
      'yes',
      'end',
    ]);
  });

  it('tells a domain error with its details and retry time, as trailers alone', async () => {
    const on = await start({
      open(_, context) {
        setResponseMetadata(context, 'x-set', 'before');
        throw unavailable('DEPENDENCY_UNAVAILABLE', 'Not now.', 2_500);
      },
    });
    const error = fromConnectError(await failure(on.client(EchoService).open({})));
    expect(error).toMatchObject({
      kind: 'unavailable',
      reason: 'DEPENDENCY_UNAVAILABLE',
      message: 'Not now.',
      retryAfterMs: 2_500,
    });
    const { status } = await raw(on, 'Open', Buffer.alloc(0));
    expect(status.code).toBe(Code.Unavailable);
    expect(status.metadata.get('retry-after')).toEqual(['3']);
    expect(status.metadata.get('x-set')).toEqual(['before']);
  });

  it('tells of very many faults the first: an error that no header has room for would end the connection', async () => {
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    const faults = Array.from({ length: 10_000 }, (_, index) => ({ field: `tags[${index}]`, description: 'is wrong' }));
    const on = await start({
      anonymous: () => answered.then(() => ({ text: 'another call' })),
      open: () => {
        throw invalidFields(faults);
      },
    });
    const client = on.client(EchoService);
    const another = client.anonymous({});
    const error = fromConnectError(await failure(client.open({})));
    expect([error.kind, error.violations[0]?.field]).toEqual(['invalid', 'tags[0]']);
    answer();
    expect((await another).text).toBe('another call');
  });

  it('says nothing of an unknown error', async () => {
    const on = await start({
      open: () => {
        throw new Error('secret');
      },
      anonymous: () => Promise.reject('secret'),
    });
    for (const error of [
      await failure(on.client(EchoService).open({})),
      await failure(on.client(EchoService).anonymous({})),
    ]) {
      expect([error.code, error.rawMessage, reasonOf(error)]).toEqual([
        Code.Internal,
        'An internal error occurred.',
        'INTERNAL',
      ]);
    }
  });

  it('refuses bytes that are no message, and metadata that cannot be sent', async () => {
    const on = await start({
      anonymous(_, context) {
        setResponseMetadata(context, 'location', 'https://example.com/ö\n');
        return { text: '' };
      },
    });
    const { status } = await raw(on, 'Open', Buffer.from([0x0a, 0xff]));
    expect([status.code, status.metadata.get('grpc-status-details-bin').length]).toEqual([Code.InvalidArgument, 1]);
    expect((await failure(on.client(EchoService).anonymous({}))).code).toBe(Code.Internal);
  });

  it('refuses a request that is too large', async () => {
    const on = await start();
    const error = await failure(on.client(EchoService).open({ text: 'x'.repeat(1_100_000) }));
    expect([error.code, reasonOf(error)]).toEqual([Code.ResourceExhausted, 'REQUEST_TOO_LARGE']);
    // Of its code alone Envoy would make a 429.
    expect(error.metadata.get('x-status')).toBe('413');
    const outOfProportion = await failure(on.client(EchoService).open({ text: 'x'.repeat(5_000_000) }));
    expect([outOfProportion.code, reasonOf(outOfProportion)]).toEqual([Code.ResourceExhausted, 'REQUEST_TOO_LARGE']);
  });

  it.each(['Open', 'Tail'])('refuses a call of %s without a message, and with two', async (method) => {
    const on = await start();
    for (const count of [0, 2]) {
      const client = new Client(`${on.address.host}:${on.address.port}`, credentials.createInsecure());
      const same = (value: Buffer): Buffer => value;
      const error = await new Promise<ServiceError | null>((resolve) => {
        const call = client.makeClientStreamRequest(`/hop.test.v1.EchoService/${method}`, same, same, resolve);
        for (let n = 0; n < count; n++) call.write(Buffer.alloc(0));
        call.end();
      });
      client.close();
      const [details] = error?.metadata.get('grpc-status-details-bin') ?? [];
      expect([error?.code, sentReason(details as Buffer)]).toEqual([
        Code.InvalidArgument,
        [Code.InvalidArgument, 'MALFORMED_REQUEST'],
      ]);
    }
  });

  it.each([
    ['snappy', [Code.Unimplemented, 'UNIMPLEMENTED']],
    ['gzip', [Code.InvalidArgument, 'MALFORMED_REQUEST']],
  ])('refuses a message that it cannot unpack, marked as %s', async (encoding, refusal) => {
    const on = await start();
    expect(await refusalOf(on, { 'grpc-encoding': encoding }, [1, 0, 0, 0, 2, 0xff, 0xff])).toEqual(refusal);
  });

  it.each(['', '1', 'S', 'soon'])(
    'refuses a call whose grpc-timeout is "%s" as the fault of its client',
    async (timeout) => {
      const on = await start();
      expect(await refusalOf(on, { 'grpc-timeout': timeout }, [0, 0, 0, 0, 0])).toEqual([
        Code.InvalidArgument,
        'MALFORMED_REQUEST',
      ]);
    },
  );
});

/** The code and the reason that travel as grpc-status-details-bin. */
function sentReason(bytes: Buffer): [number, string | undefined] {
  const { code, details } = fromBinary(StatusSchema, bytes);
  return [code, details.map((each) => anyUnpack(each, ErrorInfoSchema)?.reason)[0]];
}

/** The code and the reason that a call is refused with which no client library would send. */
async function refusalOf({ address }: TestServer, headers: Record<string, string>, body: readonly number[]) {
  const session = connect(`http://127.0.0.1:${address.port}`);
  const sent = session.request({
    ':method': 'POST',
    ':path': '/hop.test.v1.EchoService/Open',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  const answer: IncomingHttpHeaders = {};
  for (const part of ['response', 'trailers'])
    sent.on(part, (received: IncomingHttpHeaders) => Object.assign(answer, received));
  sent.end(Buffer.from(body)).resume();
  await once(sent, 'close');
  session.close();
  return sentReason(Buffer.from(String(answer['grpc-status-details-bin']), 'base64'));
}

describe('callers', () => {
  it('lets persons with the scope make public calls, and nobody else', async () => {
    const on = await start();
    const owner = testPerson({ scopes: ['links:write'] });
    expect((await on.client(EchoService, { caller: owner }).person({ text: 'a' })).text).toBe('a');
    expect((await on.client(EchoService).anonymous({ text: 'b' })).text).toBe('b');
    const nobody = await failure(on.client(EchoService).person({}));
    expect([nobody.code, reasonOf(nobody)]).toEqual([Code.Unauthenticated, 'CREDENTIALS_MISSING']);
    for (const [kind, reason] of [
      ['user', 'ROLE_MISSING'],
      ['api_key', 'SCOPE_MISSING'],
    ] as const) {
      const reader = testPerson({ kind, role: 'viewer', scopes: ['links:read'] });
      const refused = await failure(on.client(EchoService, { caller: reader }).person({}));
      expect([refused.code, reasonOf(refused)]).toEqual([Code.PermissionDenied, reason]);
      expect(refused.rawMessage).toContain('links:write');
    }
    const process = await failure(on.client(EchoService, { caller: testService('resolver') }).person({}));
    expect([process.code, reasonOf(process)]).toEqual([Code.PermissionDenied, 'CALLER_KIND_REFUSED']);
  });

  it('lets processes make internal calls, and teams those of the internal listener', async () => {
    const on = await start();
    const team = testPerson({ kind: 'api_key', scopes: ['links:resolve'] });
    expect((await on.client(EchoService, { caller: testService('resolver') }).internal({ text: 'a' })).text).toBe('a');
    expect((await on.client(EchoService, { caller: testService('resolver') }).team({ text: 'b' })).text).toBe('b');
    expect((await on.client(EchoService, { caller: team }).team({ text: 'c' })).text).toBe('c');
    expect(reasonOf(await failure(on.client(EchoService, { caller: team }).internal({})))).toBe('CALLER_KIND_REFUSED');
    expect(reasonOf(await failure(on.client(EchoService).internal({})))).toBe('CALLER_MISSING');
    const forged = await failure(on.client(EchoService).internal({}, { headers: { 'x-hop-caller': 'a.b' } }));
    expect([forged.code, reasonOf(forged)]).toEqual([Code.Unauthenticated, 'CALLER_INVALID']);
  });
});

describe('registration', () => {
  it('refuses a service twice, and a method without a handler', async () => {
    const twice = service(EchoService, echo);
    await expect(startTestServer({ services: [twice, twice] })).rejects.toThrow('registered twice');
    const { open: _, ...rest } = echo;
    expect(() => service(EchoService, rest as Echo)).toThrow('hop.test.v1.EchoService/Open has no handler');
  });
});
