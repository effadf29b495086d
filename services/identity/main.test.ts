import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { type CloseWorkspaceRequest, LinkService } from '#gen/link/v1/link_service_pb.ts';
import { accessToken } from '#runtime/caller/access-token.ts';
import { loadKeyring } from '#runtime/caller/keyring.ts';
import { type Caller, callerHeader, mintCaller } from '#runtime/caller/token.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { service } from '#runtime/rpc/endpoint.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { testKeys, testService } from '#runtime/testing/keys.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { startTestServer } from '#runtime/testing/test-server.ts';
import { freePort, waitFor } from '#runtime/testing/wait-for.ts';
import { callerOf, testIssuer, testSigningKey } from './testing/test-identity.ts';

const directory = mkdtempSync(join(tmpdir(), 'hopline-identity-'));
const password = 'a long walk in the rain';
const gatewayKey = generateKeyPairSync('ed25519');
let database: TestDatabase;
let child: ChildProcess;
let environment: Record<string, string>;
let port: number;
let linkPort: number;
let said = '';

const file = (name: string, content: string): string => {
  writeFileSync(join(directory, name), content, { mode: 0o600 });
  return join(directory, name);
};

beforeAll(async () => {
  database = await postgresFor('identity');
  port = await freePort();
  linkPort = await freePort();
  const own = generateKeyPairSync('ed25519');
  const spki = (key: typeof own): string => key.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  const callers = [
    { kid: 'identity-1', issuer: 'identity', spki: spki(own) },
    { kid: 'gateway-access-1', issuer: 'gateway-access', spki: spki(gatewayKey) },
  ];
  const signing = testSigningKey('jwt-1').privateKey.export({ type: 'pkcs8', format: 'pem' });
  const jwtKeys = { keys: [{ kid: 'jwt-1', private_pem: signing, created_at: '2026-01-01T00:00:00Z' }] };
  environment = {
    HOP_INSTANCE: 'identity',
    HOP_GRPC_ADDRESS: `127.0.0.1:${port}`,
    HOP_METRICS_ADDRESS: `127.0.0.1:${await freePort()}`,
    HOP_SERVICE_KEY_FILE: file('identity.key.pem', own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    HOP_CALLER_KEYS_FILE: file('callers.json', JSON.stringify({ keys: callers })),
    HOP_JWT_KEYS_FILE: file('jwt.json', JSON.stringify(jwtKeys)),
    HOP_POSTGRES_PRIMARY: database.url,
    HOP_LINK_ADDRESS: `127.0.0.1:${linkPort}`,
    HOP_PUBLIC_URL: testIssuer,
  };
  child = start(environment);
  await waitFor(() => said.includes('identity serves'), { timeoutMs: 20_000, what: 'identity' });
});
afterAll(async () => {
  child?.kill('SIGKILL');
  await database?.drop();
  rmSync(directory, { recursive: true, force: true });
});

function start(variables: Record<string, string>): ChildProcess {
  const started = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env: { PATH: process.env.PATH, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [started.stdout, started.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  return started;
}

function client(caller?: Caller) {
  const signed: Interceptor = (next) => (request) => {
    if (!caller) return next(request);
    const identity = { issuer: 'gateway-access', keyId: 'gateway-access-1', privateKey: gatewayKey.privateKey };
    const method = `${request.method.parent.typeName}/${request.method.name}`;
    const requestId = 'request-1';
    request.header.set('x-request-id', requestId);
    const binding = { method, requestId: caller.kind === 'service' ? '' : requestId };
    request.header.set(callerHeader, mintCaller(identity, caller, binding));
    return next(request);
  };
  return createClient(
    IdentityService,
    createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}`, interceptors: [signed] }),
  );
}

/** A link service at the address that identity was told, which closes workspaces and does nothing else. */
function startLinks(onClosed: (workspaceId: string) => void) {
  const calls = LinkService.methods.map(({ localName }) => [localName, () => expect.fail(`${localName} was called`)]);
  const closeWorkspace = ({ workspaceId }: CloseWorkspaceRequest) => {
    onClosed(workspaceId);
    return {};
  };
  const keyring = loadKeyring(environment.HOP_CALLER_KEYS_FILE ?? '');
  return startTestServer({
    services: [service(LinkService, { ...Object.fromEntries(calls), closeWorkspace })],
    keys: { ...testKeys(), keyring },
    port: linkPort,
  });
}

describe('the running service', () => {
  it('signs a person up, whose token its own keys verify, and makes a key that it verifies', async () => {
    const email = 'smoke@example.com';
    await client().signUp({ email, password });
    const session = await client().logIn({ email, password });
    const jwks = await client().getSigningKeys({});
    expect(jwks.contentType).toBe('application/json');
    const keys = createLocalJWKSet(JSON.parse(Buffer.from(jwks.data).toString()) as JSONWebKeySet);
    const { payload } = await jwtVerify(session.token, keys, { issuer: testIssuer, typ: accessToken.type });

    const { workspace_id, scope, sid, role } = decodeJwt<Record<string, string>>(session.token);
    const person: Caller = {
      kind: 'user',
      userId: payload.sub ?? '',
      workspaceId: workspace_id ?? '',
      role: role ?? '',
      scopes: scope?.split(' ') ?? [],
      credentialId: sid ?? '',
    };
    const { id, secret = '' } = await client(person).createApiKey({ name: 'smoke', scopes: ['links:write'] });
    const gateway = client(testService('gateway-access'));
    expect(await gateway.verifyApiKey({ secret })).toMatchObject({ apiKeyId: id, userId: payload.sub });
    await client(person).deleteApiKey({ id });
    await client(person).logOut({});
    expect((await gateway.listRevocations({})).credentialIds.toSorted()).toEqual([id, sid].toSorted());

    const { refreshToken } = session;
    await expect(client().refreshSession({ refreshToken })).rejects.toThrow('refresh token is not valid');
    for (const hidden of [password, session.token, refreshToken, secret, email]) expect(said).not.toContain(hidden);
  });

  it('writes no secret down that is given in place of an id, by somebody who has nothing else of a key or a session', async () => {
    const session = await client().signUp({ email: 'mistaken@example.com', password });
    const caller = callerOf(session);
    const { secret = '' } = await client(caller).createApiKey({ name: 'leaked', scopes: ['links:read'] });
    await expect(client(caller).deleteApiKey({ id: secret })).rejects.toThrow('no such API key');
    await expect(client(caller).revokeSession({ id: session.refreshToken })).rejects.toThrow('no such session');
    await client(caller).revokeSession({ id: caller.credentialId });
    await waitFor(() => said.includes(`"session_id":"${caller.credentialId}"`), { what: 'the last line' });
    for (const hidden of [secret, session.refreshToken]) expect(said).not.toContain(hidden);
  });

  it('says of a token that came a second time whose it is, for operators, and neither the token nor the email', async () => {
    const email = 'twice@example.com';
    const { refreshToken, token, user, workspace } = await client().signUp({ email, password });
    await client().refreshSession({ refreshToken });
    const pool = createPool(database.url, { max: 1, connectTimeoutMs: 20_000, log: silentLog });
    await pool.query("update identity.refresh_tokens set replaced_at = replaced_at - interval '1 hour'");
    await pool.end();
    await expect(client().refreshSession({ refreshToken })).rejects.toThrow('used before');

    const isOfReuse = (line: string): boolean => line.includes('REFRESH_TOKEN_REUSED');
    const line = await waitFor(() => said.split('\n').find(isOfReuse), { what: 'the line' });
    const { sid } = decodeJwt<{ sid: string }>(token);
    const whose = { user_id: user?.id, workspace_id: workspace?.id, session_id: sid };
    expect(JSON.parse(line ?? '')).toMatchObject({ ...whose, token_traded_at: expect.stringMatching(/^\d{4}-.*Z$/) });
    for (const hidden of [refreshToken, token, email]) expect(said).not.toContain(hidden);
  });

  it('tells the link service of a workspace that was closed before a kill -9, when both are there again', async () => {
    const email = 'leaving@example.com';
    const session = await client().signUp({ email, password });
    await client(callerOf(session)).deleteCurrentUser({ currentPassword: password });
    child.kill('SIGKILL');
    await once(child, 'exit');

    const told: string[] = [];
    const links = await startLinks((workspaceId) => told.push(workspaceId));
    child = start(environment);
    const isTold = (line: string): boolean => line.includes('the link service closes a workspace');
    const line = await waitFor(() => said.split('\n').find(isTold), { timeoutMs: 20_000, what: 'the line' });
    expect(told).toEqual([session.workspace?.id]);
    expect(JSON.parse(line ?? '')).toMatchObject({ workspace_id: session.workspace?.id });
    await links.stop();
    for (const hidden of [email, password]) expect(said).not.toContain(hidden);
  });

  it('refuses a start on a bad environment with every fault, and stops on SIGTERM', async () => {
    const bad = { ...environment, HOP_PUBLIC_URL: 'no url', HOP_JWT_KEYS_FILE: '/nowhere', HOP_HASH_QUEUE: '0' };
    const refused = start(bad);
    expect(await new Promise((resolve) => refused.once('exit', resolve))).toBe(78);
    for (const name of ['HOP_PUBLIC_URL', 'HOP_JWT_KEYS_FILE', 'HOP_HASH_QUEUE']) expect(said).toContain(name);

    child.kill('SIGTERM');
    expect(await new Promise((resolve) => child.once('exit', resolve))).toBe(0);
  });
});
