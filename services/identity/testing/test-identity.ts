import { generateKeyPairSync, randomUUID } from 'node:crypto';
import type { DescMessage, Message } from '@bufbuild/protobuf';
import {
  type Client,
  ConnectError,
  createClient,
  createRouterTransport,
  type Interceptor,
  type Transport,
} from '@connectrpc/connect';
import { decodeJwt } from 'jose';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect } from 'vitest';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import type { Session } from '#gen/identity/v1/user_pb.ts';
import { WorkspaceService } from '#gen/identity/v1/workspace_service_pb.ts';
import { BadRequestSchema, ErrorInfoSchema } from '#gen-google/rpc/error_details_pb.ts';
import { accessRuleOf, checkAccess } from '#runtime/caller/access.ts';
import type { Caller, PersonCaller } from '#runtime/caller/token.ts';
import { toConnectError } from '#runtime/errors/errors.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { callerKey } from '#runtime/rpc/call.ts';
import { requestCheck } from '#runtime/rpc/validation.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { testService } from '#runtime/testing/keys.ts';
import type { TestDatabase } from '#runtime/testing/postgres.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import type { Argon2 } from '../accounts/passwords.ts';
import { createIdentity } from '../identity.ts';
import type { SigningKey } from '../sessions/signing-keys.ts';
import { postgresStore } from '../store.postgres.ts';
import type { IdentityStore } from '../store.ts';

interface TestClock {
  now: number;
}

export interface TestIdentity {
  readonly pool: Pool;
  readonly store: IdentityStore;
  readonly clock: TestClock;
  readonly key: SigningKey;
  readonly database: TestDatabase;
  /** Goes through serialization, the access rule, the request's rules and the errors, without a socket. */
  client(caller?: Caller): Client<typeof IdentityService>;
  workspaces(caller: Caller): Client<typeof WorkspaceService>;
  /** How many transactions wait for a lock. */
  waiting(): Promise<number>;
  stop(): Promise<void>;
}

interface TestIdentityOptions {
  readonly argon2?: Argon2;
  readonly loginFreeFailures?: number;
  readonly hashQueue?: number;
  readonly onDeleted?: () => void;
}

export const testIssuer = 'http://localhost:8080';
export const testGraceMs = 30_000;

/** The whole service on a database of its own, with a clock that the test moves. */
export async function startTestIdentity(options: TestIdentityOptions = {}): Promise<TestIdentity> {
  const database = await postgresFor('identity');
  // What the tests say of limits must not hang on how busy the machine is.
  const patience = { maxWaiting: 200, connectTimeoutMs: 20_000, statementTimeoutMs: 20_000 };
  const pool = createPool(database.url, { max: 16, ...patience, log: silentLog });
  const store = postgresStore(pool);
  const clock: TestClock = { now: Date.now() };
  const key = testSigningKey('test-1');
  const { argon2, onDeleted, loginFreeFailures = 20, hashQueue = 128 } = options;
  const { identity, workspaces } = await createIdentity({
    config: {
      publicUrl: testIssuer,
      accessTokenSeconds: 900,
      refreshTokenDays: 30,
      refreshGraceMs: testGraceMs,
      hashConcurrency: 2,
      hashQueue,
      loginFreeFailures,
      apiKeysPerPerson: 100,
    },
    store,
    signingKeys: { signer: () => key, jwks: () => Buffer.from('{"keys":[]}') },
    log: silentLog,
    now: () => clock.now,
    ...(argon2 && { argon2 }),
    ...(onDeleted && { onDeleted }),
  });
  const transportOf = (caller: Caller | undefined): Transport =>
    createRouterTransport(
      ({ service }) => {
        service(IdentityService, identity);
        service(WorkspaceService, workspaces);
      },
      { router: { interceptors: [asServed(caller)] } },
    );
  return {
    pool,
    store,
    clock,
    key,
    database,
    client: (caller) => createClient(IdentityService, transportOf(caller)),
    workspaces: (caller) => createClient(WorkspaceService, transportOf(caller)),
    async waiting() {
      const { rows } = await pool.query<{ count: number }>(
        "select count(*)::int from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
      );
      return rows[0]?.count ?? 0;
    },
    async stop() {
      await pool.end();
      await database.drop();
    },
  };
}

/** Starts it for the tests of a file, and stops it after them; to be called at its top. Empty until the tests run. */
export function useTestIdentity(options?: TestIdentityOptions): TestIdentity {
  const identity = {} as TestIdentity;
  beforeAll(async () => void Object.assign(identity, await startTestIdentity(options)));
  afterAll(() => identity.stop());
  return identity;
}

export function testSigningKey(keyId: string, createdAt = 0): SigningKey {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { keyId, privateKey, createdAt };
}

export const password = 'a long walk in the rain';
let people = 0;

export const newEmail = (): string => `person-${++people}@example.com`;

/** A session of somebody new, whose password is `password`. */
export async function signUp(identity: TestIdentity, email = newEmail()): Promise<Session> {
  return identity.client().signUp({ email, password, name: 'Ada' });
}

/** The ids of the credentials revoked since the cursor, and the next cursor. */
export async function revoked(identity: TestIdentity, cursor = ''): Promise<{ ids: string[]; cursor: string }> {
  const answer = await identity.client(testService('gateway-access')).listRevocations({ cursor });
  return { ids: answer.credentialIds, cursor: answer.cursor };
}

/** As gateway/access would say who sends the session's access token. */
export function callerOf(session: Session): PersonCaller {
  const claims = decodeJwt<{ sid: string; workspace_id: string; role: string; scope: string }>(session.token);
  return {
    kind: 'user',
    userId: claims.sub ?? '',
    workspaceId: claims.workspace_id,
    role: claims.role,
    scopes: claims.scope.split(' '),
    credentialId: claims.sid,
  };
}

export interface Signed {
  readonly email: string;
  readonly session: Session;
  readonly caller: PersonCaller;
}

/** Somebody new, signed in with `password`. */
export async function newPerson(identity: TestIdentity): Promise<Signed> {
  const email = `Ada.${randomUUID()}@example.com`;
  const session = await signUp(identity, email);
  return { email, session, caller: callerOf(session) };
}

/** In what words a call is refused. Fails the test when it is answered. */
export async function refusal(call: Promise<unknown>) {
  const error = await call.then(
    () => expect.fail('the call was answered'),
    (reason: unknown) => ConnectError.from(reason),
  );
  return {
    code: error.code,
    reason: error.findDetails(ErrorInfoSchema)[0]?.reason,
    fields: error.findDetails(BadRequestSchema)[0]?.fieldViolations.map(({ field }) => field) ?? [],
  };
}

/** What runtime's server does to a call before and after its handler. */
function asServed(caller: Caller | undefined): Interceptor {
  return (next) => async (request) => {
    try {
      checkAccess(accessRuleOf(request.method), caller);
      if (!request.stream) requestCheck(request.method.input as DescMessage)?.(request.message as Message);
      request.contextValues.set(callerKey, caller);
      return await next(request);
    } catch (error) {
      throw toConnectError(error);
    }
  };
}

/** The person accepts an invitation of the owner, and goes on in that workspace. */
export async function joined(
  identity: TestIdentity,
  { owner, person, role = 'member' }: { readonly owner: Signed; readonly person: Signed; readonly role?: string },
): Promise<Signed> {
  const { secret = '' } = await identity.workspaces(owner.caller).createInvitation({ role });
  const { id: workspaceId } = await identity.workspaces(person.caller).acceptInvitation({ secret });
  const { refreshToken } = person.session;
  const session = await identity.client().refreshSession({ refreshToken, workspaceId });
  return { ...person, session, caller: callerOf(session) };
}
