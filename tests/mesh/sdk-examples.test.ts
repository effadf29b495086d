import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, inject, it, vi } from 'vitest';
import * as services from '../../clients/sdk/src/services.ts';
import { call } from '../support/http.ts';
import { joined, newLink, newPerson, type Person } from '../support/people.ts';

const directory = new URL('../../clients/sdk/examples/', import.meta.url);
const said: string[] = [];
const environment = { ...process.env };
const arguments_ = process.argv;
let ada: Person;
let keyId: string;

beforeAll(async () => {
  ada = await newPerson();
  const scopes = ['links:read', 'links:write', 'links:resolve', 'stats:read', 'keys:write', 'workspace:admin'];
  const key = await call('/api/v1/api-keys', { token: ada.token, body: { name: 'examples', scopes } });
  expect(key.status, key.text).toBe(201);
  keyId = key.json.id;
  Object.assign(process.env, {
    HOP_URL: inject('meshUrl'),
    HOP_INTERNAL_URL: inject('meshInternalUrl'),
    HOP_API_KEY: key.json.secret,
    HOP_EMAIL: ada.email,
    HOP_PASSWORD: ada.password,
  });
  vi.spyOn(console, 'log').mockImplementation((line) => said.push(String(line)));
});

afterAll(() => {
  vi.restoreAllMocks();
  process.env = environment;
  process.argv = arguments_;
});

/** Runs an example as it stands, with one argument, and answers what it said. */
async function run(name: string, argument = ''): Promise<string[]> {
  said.length = 0;
  process.argv = [arguments_[0] ?? '', name, argument];
  await import(new URL(`${name}.ts`, directory).href);
  return [...said];
}

const follow = (code: string) =>
  call(`/${code}`, {
    headers: { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' },
  });

/** Starts an example that waits for a click, and clicks once it says that it is watching. */
async function runWatching(name: string, code: string): Promise<string[]> {
  const running = run(name, code);
  await vi.waitFor(() => expect(said).toContain('watching'), { timeout: 10_000 });
  expect((await follow(code)).status).toBe(302);
  return await running;
}

const aliasOf = async (fields: Record<string, unknown> = {}): Promise<string> =>
  (await newLink(ada, { alias: `sdk-${randomUUID()}`, ...fields })).code;

const deleted = async () => {
  const code = await aliasOf();
  await call(`/api/v1/urls/${code}`, { method: 'DELETE', token: ada.token });
  return code;
};

const followed = async () => {
  const code = await aliasOf();
  await follow(code);
  await vi.waitFor(
    async () => {
      const { json } = await call(`/api/v1/urls/${code}/stats`, { token: ada.token });
      expect(json.clicks).toBe(1);
    },
    { timeout: 10_000, interval: 100 },
  );
  return code;
};

const invitation = async ({ token }: Person): Promise<{ id: string; secret: string }> =>
  (await call('/api/v1/invitations', { token, body: { role: 'viewer', name: 'Grace' } })).json;

/** Not as Ada: her own session is needed by the other examples. */
async function runAsGrace(name: string, argument?: string): Promise<string[]> {
  const grace = await newPerson();
  Object.assign(process.env, { HOP_EMAIL: grace.email, HOP_PASSWORD: grace.password });
  const lines = await run(name, argument);
  Object.assign(process.env, { HOP_EMAIL: ada.email, HOP_PASSWORD: ada.password });
  return lines;
}

/** Every example with what it needs, and what it has to say. */
const examples: Record<string, () => Promise<void>> = {
  'create-link': async () =>
    expect(await run('create-link')).toEqual([expect.stringMatching(/^http.* leads to https:/)]),
  'get-link': async () =>
    expect(await run('get-link', await aliasOf())).toEqual([
      expect.stringMatching(/ is active and was followed (0|an unknown number of) times$/),
    ]),
  'update-link': async () =>
    expect(await run('update-link', await aliasOf())).toEqual([
      expect.stringMatching(/ now leads to .*\/summer-sale$/),
    ]),
  'delete-link': async () =>
    expect(await run('delete-link', await aliasOf())).toEqual([expect.stringMatching(/ leads nowhere/)]),
  'undelete-link': async () =>
    expect(await run('undelete-link', await deleted())).toEqual([expect.stringMatching(/ is active again$/)]),
  'list-links': async () => {
    const code = await aliasOf({ tags: ['spring'] });
    const lines = await run('list-links');
    expect(lines.some((line) => line.startsWith(`${code}\t`))).toBe(true);
    expect(lines.at(-1)).toBe('That is all.');
  },
  'list-domains': async () => expect((await run('list-domains'))[0]).toBe('localhost (the default)'),
  'all-links': async () => {
    await aliasOf({ title: 'A sale' });
    expect((await run('all-links')).at(-1)).toMatch(/^[1-9]\d* in all$/);
  },
  'get-link-stats': async () =>
    expect((await run('get-link-stats', await followed()))[0]).toBe('1 clicks by 1 visitors'),
  'list-clicks': async () => expect(await run('list-clicks', await followed())).toEqual(['Firefox on desktop']),
  'all-clicks': async () =>
    expect(await run('all-clicks', await followed())).toEqual([expect.stringMatching(/^\d{4}-.*Z\tFirefox$/)]),
  'watch-clicks': async () =>
    expect(await runWatching('watch-clicks', await aliasOf())).toEqual(['watching', 'followed with Firefox']),
  'live-clicks': async () =>
    expect(await runWatching('live-clicks', await aliasOf())).toEqual(['watching', 'followed with Firefox']),
  'get-workspace-stats': async () => {
    await followed();
    expect((await run('get-workspace-stats'))[0]).toMatch(/^[1-9]\d* clicks by [1-9]\d* visitors, before that \d+$/);
  },
  'watch-workspace': async () =>
    expect(await run('watch-workspace')).toEqual([expect.stringMatching(/^\d+ clicks today$/)]),
  'live-counts': async () =>
    expect(await run('live-counts')).toEqual([expect.stringMatching(/^\d+ clicks by \d+ visitors today$/)]),
  'get-mesh-status': async () => {
    const lines = await run('get-mesh-status');
    expect(lines[0]).toMatch(/^(ready|degraded)$/);
    expect(lines).toContain('link');
  },
  'get-current-user': async () =>
    expect(await run('get-current-user')).toEqual([
      expect.stringMatching(new RegExp(`^${ada.email}, in .* as owner$`)),
    ]),
  'update-current-user': async () =>
    expect(await runAsGrace('update-current-user')).toEqual([
      expect.stringMatching(/^ada\..* is Ada Lovelace$/),
      expect.stringMatching(/^signs in as new\.ada\..* from now on$/),
    ]),
  'change-password': async () => expect(await runAsGrace('change-password')).toEqual(['changed, 1 signed out']),
  'delete-current-user': async () => expect(await runAsGrace('delete-current-user')).toEqual(['the account is gone']),
  'create-api-key': async () =>
    expect(await run('create-api-key')).toEqual([expect.stringMatching(/^nightly import: hop_\w{38}$/)]),
  'list-api-keys': async () =>
    expect((await run('list-api-keys')).join('\n')).toMatch(/^hop_\S+…\texamples\tlinks:read/m),
  'delete-api-key': async () => {
    const made = await call('/api/v1/api-keys', { token: ada.token, body: { name: 'old', scopes: ['links:read'] } });
    expect(made.json.id).not.toBe(keyId);
    expect(await run('delete-api-key', made.json.id)).toEqual([expect.stringMatching(/is refused everywhere/)]);
  },
  'sign-up': async () => {
    process.env.HOP_EMAIL = `grace.${randomUUID()}@example.org`;
    const lines = await run('sign-up');
    process.env.HOP_EMAIL = ada.email;
    expect(lines).toEqual([expect.stringMatching(/^grace\..* made http/)]);
  },
  'log-in': async () => expect(await run('log-in')).toEqual([`signed in as ${ada.email}`]),
  'list-sessions': async () => expect((await run('list-sessions'))[0]).toMatch(/^\S.* \(this one\)$/),
  'refresh-session': async () => expect(await run('refresh-session')).toEqual(['a new token']),
  'log-out': async () => expect(await run('log-out')).toEqual(['signed out: CREDENTIALS_MISSING']),
  'revoke-session': async () =>
    expect(await runAsGrace('revoke-session')).toEqual([expect.stringMatching(/^\S.* is signed out$/)]),
  'revoke-other-sessions': async () => expect(await runAsGrace('revoke-other-sessions')).toEqual(['1 ended']),
  'list-workspaces': async () => expect(await run('list-workspaces')).toEqual([expect.stringMatching(/, as owner$/)]),
  'create-workspace': async () =>
    expect(await runAsGrace('create-workspace')).toEqual(['in Analytical Engines as owner']),
  'delete-workspace': async () => {
    const { id } = (await call('/api/v1/workspaces', { token: ada.token, body: { name: 'Old' } })).json;
    expect(await run('delete-workspace', id)).toEqual(['the workspace is gone']);
  },
  'update-workspace': async () => expect(await run('update-workspace')).toEqual(['now called Analytical Engines']),
  'list-members': async () => expect(await run('list-members')).toContain(`${ada.email}\towner`),
  'update-member': async () => {
    const { userId, email } = await joined(ada, await newPerson(), 'viewer');
    expect(await run('update-member', userId)).toEqual([`${email} is admin`]);
  },
  'remove-member': async () => {
    const { userId } = await joined(ada, await newPerson(), 'viewer');
    expect(await run('remove-member', userId)).toEqual([`${userId} is out within five seconds`]);
  },
  'create-invitation': async () =>
    expect(await run('create-invitation')).toEqual([expect.stringMatching(/^for Charles: http.*\/app\/join#hopi_/)]),
  'list-invitations': async () => {
    const { id } = await invitation(ada);
    expect(await run('list-invitations')).toContain(`${id}\tviewer\tGrace`);
  },
  'delete-invitation': async () => {
    const { id } = await invitation(ada);
    expect(await run('delete-invitation', id)).toEqual([`${id} can no longer be accepted`]);
  },
  'look-up-invitation': async () => {
    const { secret } = await invitation(await newPerson());
    expect(await run('look-up-invitation', secret)).toEqual(['Ada invites you to Personal as viewer']);
  },
  'accept-invitation': async () => {
    const { secret } = await invitation(await newPerson());
    expect(await runAsGrace('accept-invitation', secret)).toEqual(['in Personal as viewer']);
  },
  'use-workspace': async () => {
    await newLink(ada);
    expect(await run('use-workspace')).toEqual([expect.stringMatching(/ has links$/)]);
  },
  'get-signing-keys': async () =>
    expect(await run('get-signing-keys')).toEqual([expect.stringMatching(/^[1-9]\d* signing keys$/)]),
  resolve: async () =>
    expect(await run('resolve', await aliasOf())).toEqual([expect.stringMatching(/^leads to https:.* \(from \w+\)$/)]),
  errors: async () =>
    expect(await run('errors', await aliasOf())).toEqual(['Somebody was faster: choose another alias.']),
};

it.each(Object.entries(examples))('the example %s', (_, check) => check());

it('there is an example for every call, and none that is not run', () => {
  const files = readdirSync(directory).map((name) => name.replace(/\.ts$/, ''));
  expect(files.toSorted()).toEqual(Object.keys(examples).toSorted());
  const calls = Object.values(services).flatMap(({ methods }) => methods.map(({ name }) => name));
  expect(files).toEqual(expect.arrayContaining(calls.map(kebab)));
});

const kebab = (name: string) => name.replace(/(?<=[a-z])[A-Z]/g, '-$&').toLowerCase();
