import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { superuserUrl } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { call } from '../../support/http.ts';
import { pidOf } from '../../support/parts.ts';
import { newLink, newPerson, type Person } from '../../support/people.ts';

let database: pg.Client;

/** Tries until it is let in: a Postgres that was killed recovers first. */
async function connect(): Promise<void> {
  const connectionString = superuserUrl();
  const tried = async (): Promise<boolean> => {
    database = new pg.Client({ connectionString });
    database.on('error', () => {});
    return database.connect().then(
      () => true,
      () => false,
    );
  };
  await eventually(tried, Boolean, { timeoutMs: 30_000, everyMs: 200 });
}

beforeAll(connect);
afterAll(() => database?.end());

const firefox = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' };
const statusOf = async (code: string): Promise<number> => (await call(`/${code}`, { headers: firefox })).status;
const remove = ({ token, password }: Person, current_password = password) =>
  call('/api/v1/users/me:delete', { token, body: { current_password } });
const isErased = (workspaceId: string, timeoutMs = 20_000) =>
  eventually(
    async () => {
      const text = 'select 1 from link.closed_workspaces where workspace_id = $1 and erased_at is not null';
      return (await database.query(text, [workspaceId])).rowCount;
    },
    (rows) => rows === 1,
    { timeoutMs, everyMs: 100 },
  );

/** The tables that have a row with this in it. */
async function tablesWith(needle: string): Promise<string[]> {
  const { rows } = await database.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('identity', 'link', 'analytics')`,
  );
  const found: string[] = [];
  for (const { name } of rows) {
    const text = `select 1 from ${name} t where strpos(t::text, $1) > 0 or strpos(t::text, $2) > 0 limit 1`;
    // As bytea is shown: change records hold ids as text.
    const hex = Buffer.from(needle).toString('hex');
    if ((await database.query(text, [needle, hex])).rowCount) found.push(name);
  }
  return found.toSorted();
}

const counted = (person: Person, code: string, clicks: number) =>
  eventually(
    () => call(`/api/v1/urls/${code}/stats`, { token: person.token }),
    ({ json }) => json?.clicks === clicks,
    { timeoutMs: 20_000, everyMs: 100 },
  );

it('a deleted account leaves nobody to sign in, links that are gone at once, the hot ones too, and no click', async () => {
  const ada = await newPerson();
  const links = [await newLink(ada), await newLink(ada), await newLink(ada)];
  const [hot] = links;
  for (let times = 0; times < 40; times++) expect(await statusOf(hot.code)).toBe(302);
  await counted(ada, hot.code, 40);
  const body = { name: 'script', scopes: ['links:read', 'links:write'] };
  const { secret } = (await call('/api/v1/api-keys', { token: ada.token, body })).json;
  const other = (await call('/api/auth/login', { body: { email: ada.email, password: ada.password } })).json;
  // The control: what is looked for can be found.
  expect(await tablesWith(ada.email)).toEqual(['identity.users']);
  expect(await tablesWith(ada.workspaceId)).toContain('analytics.click_workspace_hours');
  expect(await tablesWith(hot.id)).toContain('analytics.click_totals');

  const wrong = await remove(ada, 'not the password');
  expect([wrong.status, wrong.json.details[0].reason]).toEqual([400, 'CURRENT_PASSWORD_WRONG']);
  const byKey = await call('/api/v1/users/me:delete', { token: secret, body: { current_password: ada.password } });
  expect([byKey.status, byKey.json.details[0].reason]).toEqual([403, 'CALLER_KIND_REFUSED']);
  expect(await statusOf(hot.code)).toBe(302);

  const answer = await remove(ada);
  expect([answer.status, answer.json]).toEqual([200, {}]);
  await eventually(
    () => Promise.all(links.map(({ code }) => statusOf(code))),
    (statuses) => statuses.every((status) => status === 410),
    { timeoutMs: 2_000, everyMs: 5 },
  );
  for (const token of [ada.token, other.token, secret])
    await eventually(
      () => call('/api/v1/urls', { token }),
      ({ status }) => status === 401,
      { timeoutMs: 5_000 },
    );
  const { email, password, refreshToken } = ada;
  for (const refresh_token of [refreshToken, other.refresh_token])
    expect((await call('/api/auth/refresh', { body: { refresh_token } })).status).toBe(401);
  expect((await call('/api/auth/login', { body: { email, password } })).status).toBe(401);
  expect(await tablesWith(email)).toEqual([]);

  await isErased(ada.workspaceId);
  // Until they are purged; changes are kept for a day.
  expect(await tablesWith(ada.userId)).toEqual(['link.link_changes', 'link.links']);
  const left = [
    'analytics.erased_workspaces',
    'link.closed_workspaces',
    'link.link_changes',
    'link.links',
    'link.takedowns',
  ];
  expect(await tablesWith(ada.workspaceId)).toEqual(left);
  expect(await tablesWith(hot.id)).toEqual(['link.link_changes', 'link.links']);
  expect((await call('/api/auth/signup', { body: { email, password } })).status).toBe(201);
});

it.each([
  ['link', 'before'],
  ['analytics', 'before'],
  ['identity', 'after'],
  ['link', 'after'],
  ['postgres', 'after'],
])('%s is killed %s the answer: all is done once it is there again', { timeout: 120_000 }, async (part, when) => {
  const ada = await newPerson();
  const { code, id } = await newLink(ada);
  expect(await statusOf(code)).toBe(302);
  await counted(ada, code, 1);
  const pid = pidOf(part);
  if (when === 'before') process.kill(pid, 'SIGKILL');
  expect((await remove(ada)).status).toBe(200);
  if (when === 'after') process.kill(pid, 'SIGKILL');
  await eventually(
    async () => pidOf(part),
    (now) => now !== pid && now > 0,
    { timeoutMs: 30_000 },
  );
  if (part === 'postgres') await connect();
  await eventually(
    () => statusOf(code),
    (status) => status === 410,
    { timeoutMs: 60_000 },
  );
  await isErased(ada.workspaceId, 60_000);
  expect(await tablesWith(id)).toEqual(['link.link_changes', 'link.links']);
  // All may be done before the part that was killed answers again, and for a second /readyz may repeat what it said before.
  await eventually(
    () => call('/readyz'),
    ({ json }) => json?.status === 'ready',
    { timeoutMs: 30_000 },
  );
  const logIn = { body: { email: ada.email, password: ada.password } };
  const { answer } = await eventually(
    () => call('/api/auth/login', logIn),
    ({ status }) => status !== 503,
    { timeoutMs: 30_000 },
  );
  expect(answer.status).toBe(401);
});
