import { createPublicKey } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { expect, it } from 'vitest';
import { accessToken } from '#runtime/caller/access-token.ts';
import type { Account } from '../store.ts';
import { testSigningKey } from '../testing/test-identity.ts';
import { createAccessTokens } from './access-token.ts';

const account: Account = {
  userId: '0199f3a2-0000-7000-8000-000000000001',
  email: 'a@example.com',
  name: 'A',
  createdAt: new Date(0),
  passwordVersion: 0,
  workspaceId: '0199f3a2-0000-7000-8000-000000000002',
  workspaceName: 'Personal',
  role: 'member',
};
const issuer = 'https://hop.example';
const key = testSigningKey('k1');
const issue = createAccessTokens({ keys: { signer: () => key }, issuer, lifetimeSeconds: 900 });

it('says who, where, in which role and session, for at most 15 minutes, and nothing about the person', async () => {
  const { token, expiresAt, expiresInSeconds } = await issue(account, 'the-session');
  const { payload } = await jwtVerify(token, createPublicKey(key.privateKey), {
    issuer,
    audience: accessToken.audience,
    typ: accessToken.type,
    algorithms: ['ES256'],
  });
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: 'k1' });
  expect(payload).toEqual({
    iss: issuer,
    aud: 'hopline',
    sub: account.userId,
    sid: 'the-session',
    workspace_id: account.workspaceId,
    role: 'member',
    scope: 'links:read links:write links:resolve stats:read keys:write',
    iat: expect.any(Number),
    exp: expect.any(Number),
    jti: expect.any(String),
  });
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(expiresInSeconds);
  expect(expiresInSeconds).toBeLessThanOrEqual(accessToken.longestLifetimeSeconds);
  expect(expiresAt.getTime()).toBe((payload.exp ?? 0) * 1_000);
});

it('does not hold under another key, and no two are alike', async () => {
  const [one, two] = [await issue(account, 's'), await issue(account, 's')];
  expect(one.token).not.toBe(two.token);
  await expect(jwtVerify(one.token, createPublicKey(testSigningKey('k1').privateKey))).rejects.toThrow('signature');
});
