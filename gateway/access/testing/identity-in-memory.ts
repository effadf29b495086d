import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient, createRouterTransport } from '@connectrpc/connect';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { accessToken } from '#runtime/caller/access-token.ts';
import { toConnectError, unauthenticated } from '#runtime/errors/errors.ts';

/** The calls that gateway/access makes to identity, through real serialization, without a socket. */
export interface IdentityInMemory {
  readonly client: ReturnType<typeof createClient<typeof IdentityService>>;
  readonly calls: { keys: number; verify: number; revocations: number };
  /** Secrets known to VerifyApiKey, with the id of their key. */
  readonly apiKeys: Map<string, string>;
  /** When all of them expire, in milliseconds since 1970. */
  apiKeysEndAtMs: number | undefined;
  readonly revoked: string[];
  /** How many of them ListRevocations answers at once. */
  revocationsOnPage: number;
  /** True: every call fails with UNAVAILABLE. */
  isDown: boolean;
  /** VerifyApiKey waits for this before it answers. */
  beforeVerify: () => Promise<void>;
  publishedKeys: TokenKey[];
}

export interface TokenKey {
  readonly kid: string;
  readonly algorithm: 'ES256' | 'EdDSA';
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export const testIssuer = 'https://hop.test';
export const person = { user: 'b7c1a5f0-user', session: 'b7c1a5f0-session', workspace: 'b7c1a5f0-workspace' };

export function tokenKey(kid: string, algorithm: TokenKey['algorithm'] = 'ES256'): TokenKey {
  const pair =
    algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  return { kid, algorithm, ...pair };
}

export function identityInMemory(): IdentityInMemory {
  const state = {
    calls: { keys: 0, verify: 0, revocations: 0 },
    apiKeys: new Map<string, string>(),
    apiKeysEndAtMs: undefined as number | undefined,
    revoked: [] as string[],
    revocationsOnPage: 10,
    isDown: false,
    beforeVerify: async () => {},
    publishedKeys: [] as TokenKey[],
  };
  const refuseWhenDown = (): void => {
    if (state.isDown) throw new ConnectError('connection refused', Code.Unavailable);
  };
  const transport = createRouterTransport(({ service }) => {
    service(IdentityService, {
      getSigningKeys() {
        state.calls.keys++;
        refuseWhenDown();
        const keys = state.publishedKeys.map(({ kid, publicKey }) => ({
          ...publicKey.export({ format: 'jwk' }),
          kid,
          use: 'sig',
        }));
        return { contentType: 'application/json', data: Buffer.from(JSON.stringify({ keys })) };
      },
      async verifyApiKey({ secret }) {
        state.calls.verify++;
        await state.beforeVerify();
        refuseWhenDown();
        const apiKeyId = state.apiKeys.get(secret);
        if (!apiKeyId) throw toConnectError(unauthenticated('CREDENTIALS_INVALID', 'The API key is not valid.'));
        const expiresAt =
          state.apiKeysEndAtMs === undefined ? {} : { expiresAt: timestampFromMs(state.apiKeysEndAtMs) };
        const whose = { userId: person.user, workspaceId: person.workspace, role: 'member', scopes: ['links:read'] };
        return { apiKeyId, ...whose, ...expiresAt };
      },
      listRevocations({ cursor }) {
        state.calls.revocations++;
        refuseWhenDown();
        const end = Number(cursor) + state.revocationsOnPage;
        const more = state.revoked.length > end;
        return {
          credentialIds: state.revoked.slice(Number(cursor), end),
          cursor: String(Math.min(end, state.revoked.length)),
          more,
        };
      },
    });
  });
  return Object.assign(state, { client: createClient(IdentityService, transport) });
}

/** An access token like identity's, except for what a test overrides. */
export function signToken(
  key: TokenKey,
  claims: Readonly<Record<string, unknown>> = {},
  header: Readonly<Record<string, unknown>> = {},
): string {
  const now = Math.floor(Date.now() / 1_000);
  const input = `${encoded({ alg: key.algorithm, kid: key.kid, typ: accessToken.type, ...header })}.${encoded({
    iss: testIssuer,
    aud: accessToken.audience,
    iat: now,
    exp: now + 900,
    sub: person.user,
    sid: person.session,
    workspace_id: person.workspace,
    role: 'owner',
    scope: 'links:read links:write',
    ...claims,
  })}`;
  const digest = key.algorithm === 'ES256' ? 'sha256' : null;
  const signature = sign(digest, Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

export function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
