import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call } from '../support/http.ts';

it('signs up, logs in, makes a link, follows it, and finds the click in the statistics', async () => {
  const email = `Grace.${randomUUID()}@example.org`;
  const password = `a long enough one ${randomUUID()}`;
  const destination = `https://example.org/first?x=${randomUUID()}`;

  const signup = await call('/api/auth/signup', { body: { email, password, name: 'Grace' } });
  expect(signup.status, signup.text).toBe(201);
  expect(signup.json).toMatchObject({ user: { email, name: 'Grace' }, workspace: { id: expect.any(String) } });

  const login = await call('/api/auth/login', { body: { email: email.toLowerCase(), password } });
  expect(login.status, login.text).toBe(200);
  const { token } = login.json;

  const created = await call('/api/urls', { token, body: { original_url: destination } });
  expect(created.status, created.text).toBe(201);
  expect(created.json).toMatchObject({ long_url: destination, redirect_status: 302, is_active: true, click_count: 0 });
  expect(created.json.code).toMatch(/^[0-9A-Za-z]{7}$/);

  const head = await call(`/r/${created.json.code}`, { method: 'HEAD' });
  expect(head.status).toBe(302);
  const followed = await call(`/${created.json.code}`);
  expect(followed.status).toBe(302);
  expect(followed.headers.get('location')).toBe(destination);
  expect(followed.headers.get('cache-control')).toBe('private, no-store');

  const { answer } = await eventually(
    () => call(`/api/v1/urls/${created.json.code}/stats?interval=hour`, { token }),
    (stats) => stats.json?.clicks >= 1,
  );
  expect(answer.json.clicks).toBe(1);
  expect(answer.json.visitors).toBe(1);
  expect(answer.json.series.reduce((sum: number, point: { clicks: number }) => sum + point.clicks, 0)).toBe(1);
  expect(answer.json.last_click_at).toEqual(expect.any(String));

  const link = await call(`/api/v1/urls/${created.json.code}`, { token });
  expect(link.json.click_count).toBe(1);
});
