import { readFileSync } from 'node:fs';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { Exposure } from '#gen/options/v1/access_pb.ts';
import { ResolverService } from '#gen/resolver/v1/resolver_service_pb.ts';
import { descriptorSetPath, readContract } from '#runtime/contract/contract.ts';
import { call } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';

/** Of the contract itself: a new service is among them without a line here. */
const rpcs = readContract(readFileSync(descriptorSetPath));
const pathsOf = (exposure: Exposure) => rpcs.filter((rpc) => rpc.exposure === exposure).map(({ name }) => `/${name}`);
const shut = [
  ...pathsOf(Exposure.INTERNAL),
  ...pathsOf(Exposure.EDGE),
  '/grpc.health.v1.Health/Check',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/envoy.service.auth.v3.Authorization/Check',
  '/hop.link.v1.LinkService/NoSuchCall',
];

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

const emptyFrame = '\0\0\0\0\0';
const forged = {
  'x-hop-caller': 'AAAA.AAAA',
  'x-envoy-original-path': '/healthz',
  'x-envoy-original-method': 'GET',
  'x-envoy-internal': 'true',
  'x-forwarded-for': '127.0.0.1',
  'x-original-url': '/healthz',
  'x-http-method-override': 'GET',
};

describe.each(shut)('%s is not behind the door', (path) => {
  it.each([
    ['gRPC', 'application/grpc'],
    ['gRPC-Web', 'application/grpc-web+proto'],
    ['Connect', 'application/proto'],
    ['JSON', 'application/json'],
  ])('by %s', async (_, contentType) => {
    for (const route of [
      path,
      `/${path}`,
      `/${path.slice(1).replaceAll('/', '%2F')}`,
      path.toUpperCase(),
      `${path}/`,
    ]) {
      const answer = await call(route, {
        method: 'POST',
        token: ada.token,
        body: contentType.includes('grpc') ? emptyFrame : '',
        headers: { 'content-type': contentType, te: 'trailers', ...forged },
      });
      const grpcStatus = answer.headers.get('grpc-status');
      const refused = answer.status >= 400 || (grpcStatus !== null && grpcStatus !== '0');
      expect(refused, `${route}: ${answer.status} ${grpcStatus} ${answer.text}`).toBe(true);
      expect(answer.status, answer.text).toBeLessThan(500);
    }
  });
});

const transports: [string, () => Transport][] = [
  ['gRPC', () => createGrpcTransport({ baseUrl: inject('meshUrl') })],
  ['gRPC-Web', () => createGrpcWebTransport({ baseUrl: inject('meshUrl'), httpVersion: '1.1' })],
];

describe.each(transports)('a typed client by %s', (_, transport) => {
  const headers = () => ({ authorization: `Bearer ${ada.token}` });

  it('makes, reads and deletes a link', async () => {
    const links = createClient(LinkService, transport());
    const made = await links.createLink(
      { longUrl: 'https://example.org/typed' },
      { headers: headers(), timeoutMs: 5_000 },
    );
    const read = await links.getLink({ code: made.code }, { headers: headers(), timeoutMs: 5_000 });
    expect(read.longUrl).toBe('https://example.org/typed');
    await links.deleteLink({ code: made.code }, { headers: headers(), timeoutMs: 5_000 });
  });
});

it('resolves for teams on the internal listener, and only with the scope', async () => {
  const link = await newLink(ada);
  const made = await call('/api/v1/api-keys', { token: ada.token, body: { name: 'team', scopes: ['links:resolve'] } });
  const resolver = createClient(ResolverService, createGrpcTransport({ baseUrl: inject('meshInternalUrl') }));
  const ask = (secret: string) =>
    resolver.resolve({ code: link.code }, { headers: { authorization: `Bearer ${secret}` }, timeoutMs: 5_000 });
  expect((await ask(made.json.secret)).longUrl).toBe(link.long_url);
  const other = await call('/api/v1/api-keys', { token: ada.token, body: { name: 'no', scopes: ['links:read'] } });
  expect(((await ask(other.json.secret).catch(ConnectError.from)) as ConnectError).code).toBe(Code.PermissionDenied);
});

it('has at least one call of each exposure to test', () => {
  expect(new Set(rpcs.map(({ exposure }) => exposure)).size).toBe(3);
});
