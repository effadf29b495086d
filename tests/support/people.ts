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

/** The person accepts an invitation of the owner, and goes on in the owner's workspace. */
export async function joined(owner: Pick<Person, 'token'>, person: Person, role: string): Promise<Person> {
  const invitation = await call('/api/v1/invitations', { token: owner.token, body: { role } });
  expect(invitation.status, invitation.text).toBe(201);
  const { secret } = invitation.json;
  const acceptance = await call('/api/v1/invitations:accept', { token: person.token, body: { secret } });
  expect(acceptance.status, acceptance.text).toBe(200);
  return inWorkspace(person, acceptance.json.id);
}

/** Moves the session of the person to another of their workspaces. */
export async function inWorkspace(person: Person, workspaceId: string): Promise<Person> {
  const body = { refresh_token: person.refreshToken, workspace_id: workspaceId };
  const answer = await call('/api/auth/refresh', { body });
  expect(answer.status, answer.text).toBe(200);
  const { token, refresh_token: refreshToken } = answer.json;
  return { ...person, token, refreshToken, workspaceId };
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
