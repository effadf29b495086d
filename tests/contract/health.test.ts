import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call } from '../support/http.ts';
import { httpRequest, openConnection } from './support/connection.ts';
import { expectRefusal, innerHeadersOf, leakIn } from './support/refusals.ts';

it('GET /healthz: Envoy is up, for anybody, whatever is asked beside', async () => {
  for (const path of ['/healthz', '/healthz?a=b&code=x']) {
    const answer = await call(path, { headers: { authorization: 'Bearer nonsense', accept: 'application/json' } });
    expect([answer.status, answer.text, answer.headers.get('cache-control')]).toEqual([200, 'ok\n', 'no-store']);
    expect(innerHeadersOf(answer.headers)).toEqual([]);
  }
  const head = await call('/healthz', { method: 'HEAD' });
  expect([head.status, head.text]).toEqual([200, '']);
});

it('GET /readyz: it can serve; names what is degraded', async () => {
  const { answer } = await eventually(
    () => call('/readyz'),
    ({ json }) => json?.status === 'ready',
  );
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
  expect(answer.json).toEqual({ status: 'ready', degraded: [] });
  expect(answer.headers.get('cache-control')).toMatch(/no-store|no-cache/);
  expect(leakIn(answer.text)).toBeUndefined();
  const head = await call('/readyz', { method: 'HEAD' });
  expect([head.status, head.text]).toEqual([200, '']);
});

it('answers load balancers that ask by HTTP/1.0, where a request need not name a host', async () => {
  for (const path of ['/healthz', '/readyz']) {
    const connection = await openConnection();
    connection.send(`GET ${path} HTTP/1.0\r\n\r\n`);
    expect((await connection.answer())?.status).toBe(200);
    connection.close();
  }
});

it.each(['/healthz', '/readyz'])('%s takes GET and HEAD alone', async (path) => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    const answer = await call(path, { method });
    expectRefusal(answer, 405, 'METHOD_NOT_ALLOWED');
    expect(answer.headers.get('allow')).toBe('GET, HEAD');
  }
});

it.each([
  '/healthz/',
  '/healthz/x',
  '/HEALTHZ',
  '/readyz/',
  '/%68ealthz',
  '/livez',
  '/metrics',
  '/stats',
  '/clusters',
  '/config_dump',
  '/quitquitquit',
  '/debug/pprof',
])('%s tells nothing of the inside', async (path) => {
  const answer = await call(path, { headers: { accept: 'application/json' } });
  if (answer.status !== 200) return expectRefusal(answer, answer.status);
  expect(['ok\n', '{"status":"ready","degraded":[]}']).toContain(answer.text);
});

it('asks of one connection, a hundred times, are a hundred answers', async () => {
  const connection = await openConnection();
  for (let time = 0; time < 50; time++) {
    connection.send(Buffer.concat([httpRequest('HEAD', '/readyz'), httpRequest('GET', '/healthz')]));
    expect((await connection.answer(true))?.status).toBe(200);
    expect((await connection.answer())?.body).toBe('ok\n');
  }
  expect(connection.rest).toBe('');
  connection.close();
});
