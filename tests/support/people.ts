import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { call } from './http.ts';

export interface Person {
  email: string;
  password: string;
  token: string;
  refreshToken: string;
  userId: string;
  workspaceId: string;
}

/** Signs a new person up, with an email nobody has used. */
export async function newPerson(): Promise<Person> {
  const email = `ada.${randomUUID()}@example.org`;
  const password = `correct horse ${randomUUID()}`;
  const answer = await call('/api/auth/signup', { body: { email, password, name: 'Ada' } });
  expect(answer.status, answer.text).toBe(201);
  const { user, workspace, token, refresh_token } = answer.json;
  return { email, password, token, refreshToken: refresh_token, userId: user.id, workspaceId: workspace.id };
}

/** Makes a link and answers it; fails the test when it is not a 201. */
export async function newLink(person: Person, fields: Record<string, unknown> = {}) {
  const answer = await call('/api/v1/urls', {
    token: person.token,
    body: { long_url: `https://example.org/${randomUUID()}`, ...fields },
  });
  expect(answer.status, answer.text).toBe(201);
  return answer.json;
}

/** Makes an API key with these scopes and answers it; fails the test when it is not a 201. */
export async function newKey({ token }: Person, scopes: readonly string[]): Promise<{ id: string; secret: string }> {
  const answer = await call('/api/v1/api-keys', { token, body: { name: 'contract', scopes } });
  expect(answer.status, answer.text).toBe(201);
  return answer.json;
}
