import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';
import { holds, me } from './support/identity.ts';
import { expectBad, expectRefusal } from './support/refusals.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

describe('API keys', () => {
  const keys = '/api/v1/api-keys';
  const create = (body: object, token = ada.token) => call(keys, { token, body });
  const remove = (id: string, token = ada.token) => call(`${keys}/${id}`, { method: 'DELETE', token });

  it('201 with the secret, which is shown once', async () => {
    const expires_at = '2099-01-01T00:00:00Z';
    const made = await create({ name: 'once', scopes: ['links:read', 'stats:read'], expires_at });
    expect(made.status, made.text).toBe(201);
    expect(made.json).toMatchObject({
      id: expect.any(String),
      name: 'once',
      scopes: ['links:read', 'stats:read'],
      expires_at,
    });
    expect(made.json.secret).toMatch(/^hop_[0-9A-Za-z]{38}$/);
    expect(made.json.created_at).toMatch(/Z$/);
    expect(made.headers.get('cache-control')).toBe('no-store');
    const listed = await call(keys, { token: ada.token });
    expect(listed.status).toBe(200);
    expect(listed.text).not.toContain(made.json.secret);
    const key = listed.json.api_keys.find(({ id }: { id: string }) => id === made.json.id);
    expect(key).toMatchObject({ name: 'once', scopes: ['links:read', 'stats:read'] });
    expect(key).not.toHaveProperty('secret');
    expect(made.json.secret.startsWith(key.prefix)).toBe(true);
  });

  it('a key does what its scopes say, as the person who made it', async () => {
    const { json } = await create({ name: 'all', scopes: ['links:read', 'links:write', 'stats:read'] });
    const link = await newLink({ ...ada, token: json.secret });
    expect((await call(`/api/v1/urls/${link.code}`, { token: ada.token })).status).toBe(200);
    expect((await call(`/api/v1/urls/${link.code}/stats`, { token: json.secret })).status).toBe(200);
    expect((await me(json.secret)).json.id).toBe(ada.userId);
    expectRefusal(await call(keys, { token: json.secret }), 403, 'SCOPE_MISSING');
    expectRefusal(await call('/api/auth/logout', { method: 'POST', token: json.secret }), 403, 'CALLER_KIND_REFUSED');
    await eventually(
      () => call(keys, { token: ada.token }),
      (listed) => listed.json.api_keys.find(({ id }: { id: string }) => id === json.id)?.last_used_at !== undefined,
    );
  });

  it('a key cannot give what it does not have', async () => {
    const { json } = await create({ name: 'keys', scopes: ['keys:write', 'links:read'] });
    expect((await create({ name: 'child', scopes: ['links:read'] }, json.secret)).status).toBe(201);
    for (const scope of ['links:write', 'workspace:admin'])
      expectRefusal(await create({ name: 'more', scopes: [scope] }, json.secret), 403, 'SCOPE_MISSING');
  });

  it('DELETE holds everywhere within 5 s, also for a key that was just in use', async () => {
    const { json } = await create({ name: 'gone', scopes: ['links:read'] });
    for (let time = 0; time < 5; time++) expect((await call('/api/v1/urls', { token: json.secret })).status).toBe(200);
    const deleted = await remove(json.id);
    expect([deleted.status, deleted.json]).toEqual([200, {}]);
    const { tookMs } = await eventually(
      () => call('/api/v1/urls', { token: json.secret }),
      ({ status }) => status === 401,
      holds,
    );
    expect(tookMs).toBeLessThan(5_000);
    expectRefusal(await call('/api/v1/urls', { token: json.secret }), 401, 'CREDENTIALS_INVALID');
    expectRefusal(await remove(json.id), 404, 'API_KEY_NOT_FOUND');
    expect((await call(keys, { token: ada.token })).text).not.toContain(json.id);
  });

  it('expires_at ends it, also when it was just in use', async () => {
    const expires_at = new Date(Date.now() + 5_000).toISOString();
    const { status, json } = await create({ name: 'short', scopes: ['links:read'], expires_at });
    expect(status).toBe(201);
    expect((await call('/api/v1/urls', { token: json.secret })).status).toBe(200);
    await sleep(1_000);
    expect((await call('/api/v1/urls', { token: json.secret })).status).toBe(200);
    await eventually(
      () => call('/api/v1/urls', { token: json.secret }),
      (answer) => answer.status === 401,
      { timeoutMs: 15_000 },
    );
    expectRefusal(await call('/api/v1/urls', { token: json.secret }), 401, 'CREDENTIALS_EXPIRED');
  });

  it('a secret with one letter changed is no secret', async () => {
    const { json } = await create({ name: 'typo', scopes: ['links:read'] });
    const secret: string = json.secret;
    for (const at of [4, 20, 41]) {
      const changed = secret.slice(0, at) + (secret[at] === 'a' ? 'b' : 'a') + secret.slice(at + 1);
      expectRefusal(await me(changed), 401, 'CREDENTIALS_INVALID');
    }
    for (const changed of [secret.toLowerCase(), secret.toUpperCase(), secret.slice(0, -1), `${secret}0`, json.prefix])
      expectRefusal(await me(changed), 401, 'CREDENTIALS_INVALID');
  });

  it.each<[object, string]>([
    [{ scopes: ['links:read'] }, 'name'],
    [{ name: '', scopes: ['links:read'] }, 'name'],
    [{ name: '   ', scopes: ['links:read'] }, 'name'],
    [{ name: 'a\u0000b', scopes: ['links:read'] }, 'name'],
    [{ name: 'x'.repeat(129), scopes: ['links:read'] }, 'name'],
    [{ name: 'k' }, 'scopes'],
    [{ name: 'k', scopes: [] }, 'scopes'],
    [{ name: 'k', scopes: ['links:*'] }, 'scopes[0]'],
    [{ name: 'k', scopes: ['links:read', '*'] }, 'scopes[1]'],
    [{ name: 'k', scopes: ['LINKS:READ'] }, 'scopes[0]'],
    [{ name: 'k', scopes: ['links:read'], expires_at: '2001-01-01T00:00:00Z' }, 'expires_at'],
    [{ name: 'k', scopes: ['links:read'], expires_at: '9999-12-31T23:59:59.999999999Z' }, 'expires_at'],
  ])('400 names the field: %j', async (body, field) => expectBad(await create(body), field));

  it('what was refused left nothing that the list could not show', async () => {
    expect((await call(keys, { token: ada.token })).status).toBe(200);
  });

  it.each([randomUUID(), 'nothing', '%27', '0'])('DELETE of one that is not there is 404: %s', async (id) => {
    expectRefusal(await remove(id), 404, 'API_KEY_NOT_FOUND');
  });
});
