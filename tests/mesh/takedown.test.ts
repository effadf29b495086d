import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call } from '../support/http.ts';
import { newLink, newPerson } from '../support/people.ts';
import { takenDown } from '../support/takedown.ts';

it('lets a workspace that is down make no link, by whatever credential, and have it all again once that is undone', async () => {
  const ada = await newPerson();
  const { code } = await newLink(ada);
  const scopes = ['links:read', 'links:write', 'keys:write'];
  const key = await call('/api/v1/api-keys', { token: ada.token, body: { name: 'script', scopes } });
  expect(key.status, key.text).toBe(201);

  /** What each of her credentials gets for a new link, that of a new session among them. */
  const created = async (): Promise<[number, string | undefined][]> => {
    const { email, password, refreshToken } = ada;
    const again = await call('/api/auth/login', { body: { email, password } });
    const refreshed = await call('/api/auth/refresh', { body: { refresh_token: refreshToken } });
    ada.refreshToken = refreshed.json.refresh_token;
    const tokens = [ada.token, again.json.token, refreshed.json.token, key.json.secret];
    const answers = await Promise.all(
      tokens.map((token) => call('/api/v1/urls', { token, body: { long_url: 'https://example.org/' } })),
    );
    return answers.map(({ status, json }) => [status, json.details?.[0].reason]);
  };

  await takenDown('--workspace', ada.workspaceId, '--reason', 'phishing');
  expect(await created()).toEqual(Array(4).fill([403, 'WORKSPACE_TAKEN_DOWN']));
  await eventually(
    () => call(`/${code}`),
    ({ status }) => status === 410,
    { timeoutMs: 2_000, everyMs: 10 },
  );
  const path = `/api/v1/urls/${code}`;
  const enabled = await call(path, { method: 'PATCH', token: key.json.secret, body: { is_active: true } });
  expect([enabled.status, enabled.json.details[0].reason]).toEqual([403, 'LINK_TAKEN_DOWN']);
  // What is hers she may still look at.
  expect((await call(`${path}/stats`, { token: ada.token })).status).toBe(200);

  await takenDown('--workspace', ada.workspaceId, '--undo');
  expect(await created()).toEqual(Array(4).fill([201, undefined]));
  await eventually(
    () => call(`/${code}`),
    ({ status }) => status === 302,
    { timeoutMs: 2_000, everyMs: 10 },
  );
});
