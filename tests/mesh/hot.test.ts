import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, inject, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call } from '../support/http.ts';
import { newLink, newPerson, type Person } from '../support/people.ts';

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

/** How many follows Envoy has answered by itself, as gateway-edge has read of it. */
async function answeredByEnvoy(): Promise<number> {
  const port = inject('meshPorts')['gateway-edge-metrics'];
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(/^hop_edge_follows_total\{[^}]*tier="edge"[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0);
}

/** Follows a link until Envoy answers it by itself. */
async function makeHot(code: string): Promise<void> {
  const before = await answeredByEnvoy();
  const follow = async () => {
    for (let times = 0; times < 5; times++) await call(`/${code}`);
    return answeredByEnvoy();
  };
  await eventually(follow, (count) => count > before, { timeoutMs: 10_000, everyMs: 50 });
}

const changes = [
  { name: 'edited', fields: { long_url: 'https://example.org/elsewhere' }, status: 302 },
  { name: 'disabled', fields: { is_active: false }, status: 410 },
  { name: 'renamed', fields: { alias: `renamed-${Date.now()}` }, status: 404 },
];

it.each(changes)(
  'makes a followed link hot, and stops answering as before once it is $name',
  async ({ fields, status }) => {
    const { code, long_url } = await newLink(ada);
    await makeHot(code);
    const changed = await call(`/api/v1/urls/${code}`, { method: 'PATCH', token: ada.token, body: fields });
    expect(changed.status, changed.text).toBe(200);
    const followed = await eventually(
      () => call(`/${code}`),
      (answer) => answer.status === status && answer.headers.get('location') !== long_url,
      { timeoutMs: 2_000, everyMs: 10 },
    );
    // Not a figure to be proud of, but one that a busy machine keeps: docs/faults.md has the measured ones.
    expect(followed.tookMs).toBeLessThan(2_000);
    for (let times = 0; times < 20; times++) {
      await sleep(20);
      expect((await call(`/${code}`)).headers.get('location')).not.toBe(long_url);
    }
  },
);

it('stops answering once the link is deleted, and goes cold before it expires', async () => {
  const { code } = await newLink(ada);
  await makeHot(code);
  await call(`/api/v1/urls/${code}`, { method: 'DELETE', token: ada.token });
  await eventually(
    () => call(`/${code}`),
    ({ status }) => status === 410,
    { timeoutMs: 2_000, everyMs: 10 },
  );

  const soon = await newLink(ada, { ttl: 3 });
  const until = Date.now() + 3_000;
  while (Date.now() < until - 200) expect((await call(`/${soon.code}`)).status).toBe(302);
  await sleep(400);
  expect((await call(`/${soon.code}`)).status).toBe(410);
});
