import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { type Answer, call } from '../../support/http.ts';
import { expectRefusal } from './refusals.ts';
import { readJwt } from './tokens.ts';

export const signUp = (body: object) => call('/api/auth/signup', { body });
export const logIn = (email: string, password: string) => call('/api/auth/login', { body: { email, password } });
export const refresh = (refresh_token: string) => call('/api/auth/refresh', { body: { refresh_token } });
export const me = (token: string) => call('/api/v1/users/me', { token });
export const email = () => `grace.${randomUUID()}@example.org`;
export const password = () => `long enough ${randomUUID()}`;
/** How long a revocation may take to hold everywhere. */
export const holds = { timeoutMs: 5_000, everyMs: 50 };

/** The refresh tokens of these sessions are void at once, their access tokens within 5 s. */
export async function expectSignedOut(sessions: readonly { readonly token: string; readonly refresh_token: string }[]) {
  for (const { refresh_token } of sessions) expectRefusal(await refresh(refresh_token), 401, 'REFRESH_TOKEN_INVALID');
  await eventually(
    () => Promise.all(sessions.map(({ token }) => me(token))),
    (answers) => answers.every(({ status }) => status === 401),
    holds,
  );
}

export function expectSession({ json, headers }: Answer, person: { email: string; name: string }): void {
  expect(json).toMatchObject({
    user: { id: expect.any(String), ...person },
    workspace: { id: expect.any(String), name: expect.stringMatching(/\S/) },
    token: expect.any(String),
    refresh_token: expect.any(String),
  });
  expect(json.expires_in).toBeGreaterThan(0);
  expect(json.expires_in).toBeLessThanOrEqual(900);
  const { exp, iat } = readJwt(json.token).payload as { exp: number; iat: number };
  expect(exp - iat).toBeLessThanOrEqual(900);
  expect(headers.get('cache-control')).toBe('no-store');
}
