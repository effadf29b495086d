import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { DescMessage } from '@bufbuild/protobuf';
import { compressionGzip, createGrpcTransport } from '@connectrpc/connect-node';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { loadKeyring, loadServiceIdentity } from '#runtime/caller/keyring.ts';
import { mintCaller } from '#runtime/caller/token.ts';
import { call } from '../support/http.ts';
import { newKey, newLink, newPerson, type Person } from '../support/people.ts';
import { httpRequest, openConnection } from './support/connection.ts';
import { type PublicCall, publicCalls, requestOf, restFormsOf, type Subject } from './support/public-calls.ts';
import { expectRefusal } from './support/refusals.ts';
import { forgedTokens, outdatedTokens } from './support/tokens.ts';
import { callTyped, protocols, transportOf } from './support/typed.ts';

let ada: Person;
let eve: Person;
let subject: Subject;
beforeAll(async () => {
  [ada, eve] = await Promise.all([newPerson(), newPerson()]);
  const { code } = await newLink(ada, { title: 'ada’s own' });
  const key = await newKey(ada, ['links:read']);
  const invitation = await call('/api/v1/invitations', { token: ada.token, body: { role: 'viewer' } });
  expect(invitation.status, invitation.text).toBe(201);
  const { userId, refreshToken } = ada;
  subject = { code, apiKeyId: key.id, userId, invitationId: invitation.json.id, refreshToken };
});

const byName = (calls: readonly PublicCall[]) => calls.map((found) => [found.name, found] as const);
const guarded = publicCalls.filter(({ anonymous }) => !anonymous);

/** Tries a call by REST in all its forms, by gRPC and by gRPC-Web; all of them have to be refused alike. */
async function refusedEverywhere(
  publicCall: PublicCall,
  headers: Record<string, string>,
  [status, code, reason]: readonly [number, string, string],
): Promise<void> {
  for (const form of restFormsOf(publicCall, subject)) {
    const { method, body } = form;
    expectRefusal(await call(form.path, { method, headers, ...(body === undefined ? {} : { body }) }), status, reason);
  }
  for (const protocol of protocols) {
    const answer = await callTyped(transportOf(protocol), publicCall, requestOf(publicCall, subject), headers);
    expect([protocol, answer.code, answer.reason]).toEqual([protocol, code, reason]);
  }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const missing = [401, 'Unauthenticated', 'CREDENTIALS_MISSING'] as const;
const invalid = [401, 'Unauthenticated', 'CREDENTIALS_INVALID'] as const;
const expired = [401, 'Unauthenticated', 'CREDENTIALS_EXPIRED'] as const;

describe.each(byName(guarded))('%s refuses', (_, publicCall) => {
  it('nobody', () => refusedEverywhere(publicCall, {}, missing));

  it('a forged token', async () => {
    for (const token of Object.values(forgedTokens(ada.token)))
      await refusedEverywhere(publicCall, bearer(token), invalid);
  });

  it('a token of identity’s own that is expired or meant for something else', async () => {
    for (const [name, token] of Object.entries(outdatedTokens(ada.token)))
      await refusedEverywhere(publicCall, bearer(token), name === 'expired' ? expired : invalid);
  });

  it('a caller header from outside, even one that gateway-access signed', async () => {
    for (const value of [mintedFor(publicCall), 'AAAA.AAAA', '']) {
      await refusedEverywhere(publicCall, { 'x-hop-caller': value }, missing);
      await refusedEverywhere(publicCall, { 'x-hop-caller': value, ...bearer('nonsense') }, invalid);
    }
  });

  it('a key without its scope', async () => {
    if (publicCall.scope === '') return;
    const all = ['links:read', 'links:write', 'links:resolve', 'stats:read', 'keys:write', 'workspace:admin'];
    const { secret } = await newKey(
      ada,
      all.filter((scope) => scope !== publicCall.scope),
    );
    await refusedEverywhere(publicCall, bearer(secret), [403, 'PermissionDenied', 'SCOPE_MISSING']);
  });
});

/** A caller token for ada and this call, signed with the gateway's real key: what a thief of it would hold. */
function mintedFor({ path: rpc }: PublicCall, requestId = 'x'): string {
  const secrets = path.join(inject('meshDir'), 'secrets');
  const callerKeysFile = path.join(secrets, 'callers.json');
  const serviceKeyFile = path.join(secrets, 'gateway-access.key.pem');
  const identity = loadServiceIdentity({ callerKeysFile, serviceKeyFile }, loadKeyring(callerKeysFile));
  const scopes = ['links:read', 'links:write', 'stats:read', 'keys:write'];
  const person = {
    kind: 'user' as const,
    userId: ada.userId,
    workspaceId: ada.workspaceId,
    role: 'owner',
    scopes,
    credentialId: randomUUID(),
  };
  return mintCaller(identity, person, { method: rpc.slice(1), requestId });
}

describe('another tenant', () => {
  const aimed = guarded.filter(({ name }) =>
    /GetLink|UpdateLink|DeleteLink|UndeleteLink|GetLinkStats|DeleteApiKey|ListClicks|WatchClicks|UpdateMember|RemoveMember|DeleteInvitation/.test(
      name,
    ),
  );
  const thing = (name: string) => /ApiKey|Member|Invitation/.exec(name)?.[0] ?? 'Link';
  const reasons: Readonly<Record<string, string>> = {
    ApiKey: 'API_KEY_NOT_FOUND',
    Member: 'MEMBER_NOT_FOUND',
    Invitation: 'INVITATION_NOT_FOUND',
    Link: 'LINK_NOT_FOUND',
  };

  it.each(byName(aimed))('finds nothing by %s', async (name, publicCall) => {
    const reason = reasons[thing(name)] ?? '';
    await refusedEverywhere(publicCall, bearer(eve.token), [404, 'NotFound', reason]);
    if (/Member|Invitation/.test(name)) return;
    const { secret } = await newKey(eve, publicCall.scope === '' ? ['links:read'] : [publicCall.scope]);
    await refusedEverywhere(publicCall, bearer(secret), [404, 'NotFound', reason]);
  });

  it('learns no more of what is another’s than of what is not', async () => {
    for (const suffix of ['', '/stats']) {
      const there = await call(`/api/v1/urls/${subject.code}${suffix}`, { token: eve.token });
      const absent = await call(`/api/v1/urls/no-such-code${suffix}`, { token: eve.token });
      expect([there.status, there.text]).toEqual([absent.status, absent.text]);
    }
  });

  it('lists none of it, by REST, gRPC-Web and gRPC', async () => {
    const lists = ['LinkService/ListLinks', 'AnalyticsService/GetWorkspaceStats'];
    for (const name of [...lists, 'IdentityService/ListApiKeys', 'IdentityService/GetCurrentUser']) {
      const publicCall = publicCalls.find((found) => found.name === name) as PublicCall;
      const [form] = restFormsOf(publicCall, subject);
      const byRest = await call(form?.path ?? '', { token: eve.token });
      expect(byRest.status).toBe(200);
      expect(byRest.text).not.toContain(subject.code);
      expect(byRest.text).not.toContain(ada.userId);
      for (const protocol of protocols) {
        const answer = await callTyped(
          transportOf(protocol),
          publicCall,
          requestOf(publicCall, subject),
          bearer(eve.token),
        );
        expect(answer.code).toBe('OK');
        expect(
          JSON.stringify(answer.response, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
        ).not.toMatch(new RegExp(`${subject.code}|${subject.apiKeyId}|${ada.workspaceId}`));
      }
    }
  });

  it('changed nothing by trying', async () => {
    const link = await call(`/api/v1/urls/${subject.code}`, { token: ada.token });
    expect([link.status, link.json.title]).toEqual([200, 'ada’s own']);
    const keys = await call('/api/v1/api-keys', { token: ada.token });
    expect(keys.json.api_keys.map(({ id }: { id: string }) => id)).toContain(subject.apiKeyId);
  });
});

describe('Credentials: Authorization: Bearer, nowhere else', () => {
  const me = '/api/v1/users/me';
  it.each<[string, string, Record<string, string>]>([
    ['a cookie', me, { cookie: 'token=TOKEN; authorization=Bearer TOKEN' }],
    ['x-api-key', me, { 'x-api-key': 'TOKEN' }],
    ['x-authorization', me, { 'x-authorization': 'Bearer TOKEN', 'x-forwarded-authorization': 'Bearer TOKEN' }],
    ['proxy-authorization', me, { 'proxy-authorization': 'Bearer TOKEN' }],
    ['another scheme', me, { authorization: 'Token TOKEN' }],
    ['Basic', me, { authorization: `Basic ${Buffer.from('TOKEN:').toString('base64')}` }],
    ['no scheme', me, { authorization: 'TOKEN' }],
    ['two of them in one header', me, { authorization: 'Bearer TOKEN, Bearer TOKEN' }],
    ['the grpc-metadata- prefix', me, { 'grpc-metadata-authorization': 'Bearer TOKEN' }],
  ])('not in %s', async (_, target, headers) => {
    const filled = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.replaceAll('TOKEN', ada.token)]),
    );
    expectRefusal(await call(target, { headers: filled }), 401);
  });

  it.each(['token', 'access_token', 'api_key', 'authorization', 'key'])('not in the query: %s', async (name) => {
    const answer = await call(`${me}?${name}=${encodeURIComponent(ada.token)}`);
    expectRefusal(answer, 401, 'CREDENTIALS_MISSING');
    expectRefusal(await call(`${me}?${name}=x`, { token: ada.token }), 400, 'UNKNOWN_FIELD');
  });

  it('not in two headers, one of them good', async () => {
    const connection = await openConnection();
    const good = `authorization: Bearer ${ada.token}\r\n`;
    const bad = 'authorization: Bearer nonsense\r\n';
    for (const both of [good + bad, bad + good]) {
      connection.send(`GET ${me} HTTP/1.1\r\nhost: localhost\r\n${both}\r\n`);
      expect((await connection.answer())?.status).toBe(401);
    }
    connection.send(httpRequest('GET', me, bearer(ada.token)));
    expect((await connection.answer())?.status).toBe(200);
    connection.close();
  });

  it('the scheme’s name is without case, as HTTP has it', async () => {
    const answer = await call(me, { headers: { authorization: `bearer ${ada.token}` } });
    expect([answer.status, answer.json.id]).toEqual([200, ada.userId]);
  });
});

describe('forged internal headers change nothing for a caller who may', () => {
  it.each<Record<string, string>>([
    { 'x-hop-caller': 'AAAA.AAAA' },
    { 'x-hop-method': 'HEAD' },
    { 'x-hop-refused': 'request' },
    { 'x-hop-click': 'a;b;1;l1;localhost;x' },
    { 'x-status': '500' },
    { 'x-envoy-original-path': '/healthz', 'x-envoy-original-method': 'POST' },
    { 'x-envoy-internal': 'true', 'x-envoy-expected-rq-timeout-ms': '1', 'x-envoy-upstream-rq-timeout-ms': '1' },
    { 'x-envoy-max-retries': '100', 'x-envoy-retry-on': '5xx', 'x-envoy-decorator-operation': 'x' },
    { 'x-http-method-override': 'DELETE', 'x-method-override': 'DELETE', 'x-http-method': 'DELETE' },
    { 'x-original-url': '/api/v1/api-keys', 'x-rewrite-url': '/api/v1/api-keys' },
    { 'x-request-id': 'mine', traceparent: 'nonsense', baggage: 'a=b' },
    {
      'x-forwarded-for': '10.0.0.1',
      forwarded: 'for=10.0.0.1',
      'x-forwarded-host': 'example.org',
      'x-forwarded-proto': 'ftp',
    },
    { 'grpc-timeout': '1n', 'grpc-encoding': 'gzip', 'grpc-accept-encoding': 'gzip', 'grpc-status': '13' },
  ])('%o', async (headers) => {
    const link = await call(`/api/v1/urls/${subject.code}`, { token: ada.token, headers });
    expect([link.status, link.json?.code], link.text).toEqual([200, subject.code]);
    for (const prefix of ['/', '/r/']) {
      const followed = await call(`${prefix}${subject.code}`, { headers });
      expect([followed.status, followed.headers.get('location')], followed.text).toEqual([302, link.json.long_url]);
    }
  });
});

describe('a service’s own port, past the door', () => {
  const ports: Record<string, string> = {
    LinkService: 'link',
    IdentityService: 'identity',
    WorkspaceService: 'identity',
    AnalyticsService: 'analytics',
    StatusService: 'gateway-access',
  };

  it.each(byName(guarded))('%s takes nobody’s word', async (name, publicCall) => {
    const port = inject('meshPorts')[ports[name.split('/')[0] ?? ''] ?? ''];
    const direct = createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` });
    const other = publicCalls.find((found) => found.name !== name) as PublicCall;
    for (const headers of [
      {},
      bearer(ada.token),
      { 'x-hop-caller': 'AAAA.AAAA' },
      { 'x-hop-caller': mintedFor(other), 'x-request-id': 'x' },
      { 'x-hop-caller': mintedFor(publicCall, 'another'), 'x-request-id': 'x' },
      { 'x-hop-caller': `${mintedFor(publicCall).slice(0, -4)}AAAA`, 'x-request-id': 'x' },
    ]) {
      const answer = await callTyped(
        direct,
        publicCall,
        requestOf(publicCall, subject),
        headers as Record<string, string>,
      );
      expect([answer.code, Object.keys(headers)]).toEqual(['Unauthenticated', Object.keys(headers)]);
    }
  });
});

describe('a compressed message', () => {
  const asked = publicCalls.find(({ name }) => name === 'LinkService/GetLink') as PublicCall;
  const packed = (baseUrl: string, compressMinBytes: number) =>
    createGrpcTransport({ baseUrl, sendCompression: compressionGzip, compressMinBytes });

  it('is not unpacked for everybody, since it may be a thousandth of what it unpacks to', async () => {
    const ask = (leastBytes: number) =>
      callTyped(packed(inject('meshUrl'), leastBytes), asked, requestOf(asked, subject), bearer(ada.token));
    expect(await ask(0)).toMatchObject({ code: 'Unimplemented', reason: 'UNIMPLEMENTED' });
    expect(await ask(1_000)).toMatchObject({ code: 'OK' });
  });

  it('is unpacked for internal teams', async () => {
    const internal = packed(`http://127.0.0.1:${inject('meshPorts')['envoy-internal']}`, 0);
    expect(await callTyped(internal, asked, requestOf(asked, subject), bearer(ada.token))).toMatchObject({
      code: 'OK',
    });
  });
});

describe('Connect', () => {
  const types = ['application/json', 'application/proto', 'application/connect+json', 'application/connect+proto'];
  it.each(publicCalls.map(({ path: rpc, method }) => [rpc, method.input] as const))(
    'does not reach %s',
    async (rpc, input: DescMessage) => {
      for (const type of types) {
        const headers = { 'content-type': type, 'connect-protocol-version': '1' };
        const answer = await call(rpc, {
          method: 'POST',
          token: ada.token,
          headers,
          body: type.endsWith('json') ? '{}' : '',
        });
        expectRefusal(answer, 404);
      }
      const byGet = await call(`${rpc}?connect=v1&encoding=json&message=%7B%7D`, { token: ada.token });
      expect(byGet.status, `${input.typeName} ${byGet.text.slice(0, 200)}`).toBe(404);
    },
  );
});
