import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { otherDomain } from '../support/domains.ts';
import { startHop } from '../support/hop.ts';
import { call } from '../support/http.ts';
import { newKey, newLink, newPerson, type Person } from '../support/people.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'hop-'));
const started: ChildProcess[] = [];
let ada: Person;

// Each case starts the binary several times.
vi.setConfig({ testTimeout: 120_000 });

interface Extras {
  /** Undefined: none comes, and it does not end. */
  readonly input?: string | undefined;
  readonly variables?: Record<string, string>;
}

/** Runs the binary as a person does; where nothing is said of the input it is empty. */
function start(args: string[], extras: Extras = {}) {
  const { input, variables } = { input: '', ...extras };
  const hop = startHop(args, { HOP_URL: inject('meshUrl'), HOP_CONFIG_DIR: folder, ...variables }, input);
  started.push(hop.child);
  return hop;
}

async function hop(args: string[], extras?: Extras) {
  const { output, ended } = start(args, extras);
  const code = await ended;
  return { code, ...output, lines: output.out.split('\n').filter((line) => line !== '') };
}

const asAda = (): Extras => ({ variables: { HOP_TOKEN: ada.token } });
const codeOf = (shortUrl: string) => new URL(shortUrl).pathname.slice(1);
const firefox = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' };

beforeAll(async () => {
  ada = await newPerson();
});

afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describe('signing in', () => {
  it('keeps the session in a file that only its person can read, and calls with it until log-out', async () => {
    const login = await hop(['login', '--email', ada.email, '--password-stdin'], { input: `${ada.password}\n` });
    expect([login.code, login.err]).toEqual([0, '']);
    const file = path.join(folder, 'installations', `${encodeURIComponent(inject('meshUrl'))}.json`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
    // Without HOP_URL: where one signed in last.
    expect((await hop(['ls'], { variables: { HOP_URL: '' } })).code).toBe(0);
    expect((await hop(['logout'])).code).toBe(0);
    const after = await hop(['ls']);
    expect([after.code, after.err]).toEqual([4, expect.stringContaining('hop login')]);
  });

  it('with a wrong password says so', async () => {
    const { code, err } = await hop(['login', '--email', ada.email, '--password-stdin'], {
      input: 'not the password\n',
    });
    expect([code, err]).toEqual([4, expect.stringMatching(/^hop: /)]);
  });

  it('changes name, email and password; the password comes from the input and ends the sessions elsewhere', async () => {
    const grace = await newPerson();
    const variables = { HOP_CONFIG_DIR: mkdtempSync(path.join(folder, 'grace-')) };
    const asGrace = (args: string[], input = '') => hop(args, { input, variables });
    expect((await asGrace(['login', '-e', grace.email, '--password-stdin'], `${grace.password}\n`)).code).toBe(0);
    const named = await asGrace(['account', '--name', 'Grace Hopper']);
    expect([named.code, named.lines]).toEqual([0, [`Grace Hopper <${grace.email}>, in Personal as owner`]]);
    const email = `new.${grace.email}`;
    const wrong = await asGrace(['account', '--email', email, '--password-stdin'], 'not the password\n');
    expect([wrong.code, wrong.err]).toEqual([3, expect.stringContaining('still signed in')]);
    expect((await asGrace(['account', '--email', email, '--password-stdin'], `${grace.password}\n`)).code).toBe(0);
    expect((await asGrace(['whoami', '--json'])).lines.map((line) => JSON.parse(line).email)).toEqual([email]);

    const next = ` ${grace.password} `;
    const changed = await asGrace(['password', '--stdin'], `${grace.password}\n${next}\n`);
    expect([changed.code, changed.out]).toEqual([0, expect.stringContaining('1 other session is refused')]);
    expect((await asGrace(['account'])).code).toBe(0);
    expect((await call('/api/auth/login', { body: { email, password: next } })).status).toBe(200);
    expect((await asGrace(['password', '--stdin'], 'one line\n')).code).toBe(2);
    expect((await asGrace(['password'])).err).toContain('--stdin');
  });

  it('deletes the account with the password, once that is meant, and forgets the session', async () => {
    const grace = await newPerson();
    const { code } = await newLink(grace);
    const variables = { HOP_CONFIG_DIR: mkdtempSync(path.join(folder, 'leaving-')) };
    const asGrace = (args: string[], input = '') => hop(args, { input, variables });
    expect((await asGrace(['login', '-e', grace.email, '--password-stdin'], `${grace.password}\n`)).code).toBe(0);
    expect((await asGrace(['account', 'delete'])).err).toContain('--yes');
    const unmeant = await asGrace(['account', 'delete', '--stdin'], `${grace.password}\n`);
    expect([unmeant.code, unmeant.err]).toEqual([2, expect.stringContaining('--yes')]);
    const wrong = await asGrace(['account', 'delete', '--yes', '--stdin'], 'not the password\n');
    expect([wrong.code, wrong.err]).toEqual([3, expect.stringContaining('still signed in')]);
    expect((await asGrace(['account'])).code).toBe(0);

    const deleted = await asGrace(['account', 'delete', '--yes', '--stdin', '--json'], `${grace.password}\n`);
    expect([deleted.code, JSON.parse(deleted.out)]).toEqual([0, { url: inject('meshUrl'), deleted: true }]);
    await vi.waitFor(async () => expect((await call(`/${code}`)).status).toBe(410), { timeout: 5_000 });
    const after = await asGrace(['account']);
    expect([after.code, after.err]).toEqual([4, expect.stringContaining('hop login')]);
  });

  it('with a bad token says what to do', async () => {
    const { code, err, out } = await hop(['ls'], { variables: { HOP_API_KEY: 'hop_nonsense' } });
    expect([code, out]).toEqual([4, '']);
    expect(err).toContain('HOP_API_KEY');
  });
});

// Each link has a test of its own, and most of a test is the start of the binary.
describe.concurrent('a link', () => {
  it('is made, followed, and the click is in `hop tail`; Ctrl-C ends it', async () => {
    const made = await hop(['create', 'https://example.org/tail'], asAda());
    expect(made.code, made.err).toBe(0);
    const code = codeOf(made.lines[0] ?? '');
    const tail = start(['tail', code], asAda());
    await vi.waitFor(() => expect(tail.output.err).toContain('Watching'), { timeout: 20_000 });
    expect((await call(`/${code}`, { headers: firefox })).status).toBe(302);
    await vi.waitFor(() => expect(tail.output.out).toMatch(/Firefox on Linux/), { timeout: 20_000 });
    tail.child.kill('SIGINT');
    expect(await tail.ended).toBe(130);
    expect(tail.output.err).not.toContain('hop: ');
  });

  it('can be shown, changed, deleted and restored', async () => {
    const alias = `cli-${randomUUID()}`;
    const made = await hop(['create', 'https://example.org/a', '--alias', alias, '--tag', 'b,a', '--json'], asAda());
    expect(JSON.parse(made.out)).toMatchObject({ code: alias, tags: ['a', 'b'], long_url: 'https://example.org/a' });
    const edit = await hop(['edit', alias, '--to', 'https://example.org/b', '--clear', 'tags', '--disable'], asAda());
    expect(edit.out).toMatch(/leads to +https:\/\/example\.org\/b\n(.*\n)* +state +disabled/);
    expect((await hop(['rm', alias], asAda())).out).toContain('hop restore');
    const gone = await hop(['show', alias], asAda());
    expect([gone.code, gone.err]).toEqual([5, expect.stringContaining('hop restore')]);
    expect((await hop(['restore', alias], asAda())).code).toBe(0);
    const shown = await hop(['show', alias, '--json'], asAda());
    expect(JSON.parse(shown.out)).toMatchObject({ state: 'disabled', tags: [] });
  });

  it('can be followed so often and no more, which it says', async () => {
    const made = await hop(['create', 'https://example.org/once', '--max-clicks', '1', '--json'], asAda());
    const { code } = JSON.parse(made.out);
    const shown = async () => (await hop(['show', code], asAda())).out;
    expect(await shown()).toMatch(/state +active\n(.*\n)* +uses +0 of 1\n/);
    await call(`/${code}`);
    expect(await shown()).toMatch(/state +used_up\n(.*\n)* +uses +1 of 1\n/);
    expect((await hop(['ls', '--state', 'used_up'], asAda())).out).toContain(code);
    expect((await hop(['edit', code, '--max-clicks', '2'], asAda())).out).toMatch(/state +active/);
    expect((await hop(['edit', code, '--clear', 'max-clicks'], asAda())).out).not.toContain('uses');
    expect((await hop(['create', 'https://example.org', '--max-clicks', '0'], asAda())).code).toBe(2);
  });

  it('that is taken is a conflict, and one that is nonsense is named', async () => {
    const { code: taken } = await newLink(ada, { alias: `cli-${randomUUID()}` });
    const conflict = await hop(['create', 'https://example.org', '--alias', taken], asAda());
    expect([conflict.code, conflict.err]).toEqual([6, expect.stringContaining('Choose another alias')]);
    const nonsense = await hop(['create', 'not a URL', '--json'], asAda());
    expect(nonsense.code).toBe(3);
    expect(JSON.parse(nonsense.err)).toMatchObject({ error: { reason: 'DESTINATION_INVALID' } });
  });

  it('has a QR code here, as SVG and as PNG', async () => {
    const { code } = await newLink(ada);
    expect((await hop(['qr', code], asAda())).out).toMatch(/█[█▀▄ ]+█\n/);
    const png = path.join(folder, 'code.png');
    expect((await hop(['qr', code, '-o', png, '--size', '200'], asAda())).code).toBe(0);
    expect(readFileSync(png).subarray(1, 4).toString()).toBe('PNG');
    const svg = path.join(folder, 'code.svg');
    expect((await hop(['qr', code, '-o', svg], asAda())).code).toBe(0);
    expect(readFileSync(svg, 'utf8')).toMatch(/^<svg .*<\/svg>$/s);
  });

  it('has statistics, drawn', async () => {
    const { code } = await newLink(ada);
    await call(`/${code}`, { headers: firefox });
    await vi.waitFor(
      async () => expect((await call(`/api/v1/urls/${code}/stats`, { token: ada.token })).json.clicks).toBe(1),
      { timeout: 10_000, interval: 100 },
    );
    const { out } = await hop(['stats', code, '--from', '2h', '--interval', 'hour'], asAda());
    expect(out).toMatch(/^1 click by 1 visitor\n/);
    expect(out).toMatch(/[▁█]{3}/);
    expect(out).toMatch(/Firefox +█+ +1 100%/);
    const workspace = await hop(['stats', '--json'], asAda());
    expect(JSON.parse(workspace.out).clicks).toBeGreaterThan(0);
  });
});

describe.concurrent('many links', () => {
  it('are made from the input, in its order, and what fails is named by its line', async () => {
    const tag = `bulk-${randomUUID()}`;
    const input = [
      ...Array.from({ length: 30 }, (_, index) => `https://example.org/bulk/${index}`),
      '# a comment',
      'nonsense',
      `{"long_url": "https://example.org/bulk/30", "title": "the last"}`,
    ].join('\n');
    const { code, lines, err } = await hop(['create', '-', '--tag', tag, '--json', '--key', tag], {
      input,
      ...asAda(),
    });
    expect(code).toBe(9);
    expect(JSON.parse(err)).toMatchObject({ error: { line: 32, reason: 'DESTINATION_INVALID' } });
    const links = lines.map((line) => JSON.parse(line));
    expect(links.map((link) => link.long_url)).toEqual(
      Array.from({ length: 31 }, (_, index) => `https://example.org/bulk/${index}`),
    );
    expect(links.at(-1)).toMatchObject({ title: 'the last', tags: [tag] });

    // Again under the same key: the same links.
    const again = await hop(['create', '-', '--tag', tag, '--key', tag], { input, ...asAda() });
    expect(again.lines).toEqual(links.map((link) => link.short_url));
    expect(again.err).toMatch(/^line 32: [\s\S]*31 made, 1 failed/);
    const all = await hop(['ls', '--tag', tag, '--all', '--json'], asAda());
    expect(all.lines).toHaveLength(31);
  });

  it('are told as soon as they are made, and Ctrl-C ends the waiting for more', async () => {
    const making = start(['create', '-'], { ...asAda(), input: undefined });
    making.child.stdin?.write('https://example.org/one\n');
    await vi.waitFor(() => expect(making.output.out).toMatch(/^http.*\n$/), { timeout: 20_000 });
    making.child.kill('SIGINT');
    expect([await making.ended, making.output.err]).toEqual([130, expect.stringContaining('1 made, 0 failed')]);
  });

  it('end quietly when nobody reads on', async () => {
    const listing = start(['ls', '--all', '--json'], asAda());
    listing.child.stdout?.destroy();
    expect(await listing.ended).toBe(141);
    expect(listing.output.err).toBe('');
  });
});

it.concurrent('domains are listed, a link is made on one of them, and a list of several says which', async () => {
  const person = await newPerson();
  const asPerson = { variables: { HOP_TOKEN: person.token } };
  expect((await hop(['domains'], asPerson)).lines).toEqual(['localhost  default', otherDomain]);
  const [first] = (await hop(['domains', '--json'], asPerson)).lines;
  expect(JSON.parse(first ?? '')).toMatchObject({ name: 'localhost', is_default: true });
  const made = await hop(['create', 'https://example.org/there', '--domain', otherDomain], asPerson);
  expect(made.out).toContain(`http://${otherDomain}:`);
  expect((await hop(['ls'], asPerson)).lines[0]).not.toContain('DOMAIN');
  await newLink(person);
  expect((await hop(['ls'], asPerson)).out).toMatch(/CODE +DOMAIN[\s\S]*go\.localhost/);
  expect((await hop(['ls', '--domain', 'localhost', '--json'], asPerson)).lines).toHaveLength(1);
  const shown = await hop(['show', made.lines[0] ?? ''], asPerson);
  expect(shown.out).toContain('https://example.org/there');
  const unknown = await hop(['create', 'https://example.org', '--domain', 'example.net'], asPerson);
  expect([unknown.code, unknown.err]).toEqual([3, expect.stringContaining('hop domains')]);
});

it.concurrent('keys are made, listed and deleted; a key kept by `hop login --key-stdin` calls', async () => {
  const made = await hop(['keys', 'create', 'for the CLI', '--scope', 'links:read', '--json'], asAda());
  const { id, secret } = JSON.parse(made.out);
  const own = path.join(folder, 'own');
  const asKey = { variables: { HOP_CONFIG_DIR: own } };
  expect((await hop(['login', '--key-stdin'], { input: `${secret}\n`, ...asKey })).code).toBe(0);
  expect((await hop(['ls'], asKey)).code).toBe(0);
  const refused = await hop(['create', 'https://example.org'], asKey);
  expect([refused.code, refused.err]).toEqual([4, expect.stringContaining('links:write')]);
  expect((await hop(['keys', 'ls'], asAda())).out).toContain(id);
  expect((await hop(['keys', 'rm', id], asAda())).code).toBe(0);
});

it.concurrent('somebody is invited, joins, gets another role, and is removed; the other leaves in vain', async () => {
  const [owner, person] = [await newPerson(), await newPerson()];
  const asOwner = { variables: { HOP_TOKEN: owner.token } };
  const variables = { HOP_CONFIG_DIR: mkdtempSync(path.join(folder, 'member-')) };
  const asPerson = (args: string[], input = '') => hop(args, { input, variables });
  const logIn = () => asPerson(['login', '-e', person.email, '--password-stdin'], `${person.password}\n`);
  expect((await logIn()).code).toBe(0);
  expect((await hop(['workspaces', 'rename', 'Team'], asOwner)).lines).toEqual(['It is called Team now, as owner.']);

  const made = await hop(['invitations', 'create', '--role', 'viewer', '--for', 'Brian'], asOwner);
  expect([made.code, made.out]).toEqual([0, expect.stringMatching(/^http.*\/app\/join#hopi_\S+\n$/)]);
  expect((await hop(['invites', 'ls'], asOwner)).out).toMatch(/Brian +viewer +Ada/);
  expect((await asPerson(['join', made.out.trim()])).code).toBe(2);
  expect((await asPerson(['join', 'https://example.org/', '--yes'])).err).toContain('That is no invitation');
  const joined = await asPerson(['join', '-', '--yes'], made.out);
  expect([joined.code, joined.lines[0]]).toEqual([0, 'You are in Team now, as viewer.']);
  expect(joined.err).toContain('Ada invites you to Team');
  const again = await asPerson(['join', '-', '--yes'], made.out);
  expect([again.code, again.err]).toEqual([2, expect.stringContaining('hop workspaces use')]);

  expect((await asPerson(['create', 'https://example.org'])).err).toContain('hop workspaces use');
  expect((await asPerson(['workspaces', 'ls'])).out).toMatch(/Personal +owner +\S+\n.* viewer +\S+ +you are here/);
  expect((await asPerson(['workspaces', 'use', 'personal'])).lines).toEqual(['You are in Personal now, as owner.']);
  expect((await asPerson(['create', 'https://example.org'])).code).toBe(0);
  expect((await asPerson(['workspaces', 'use', 'nowhere'])).code).toBe(2);

  const raised = await hop(['members', 'role', person.email.toUpperCase(), 'admin'], asOwner);
  expect(raised.lines).toEqual([`${person.email} is admin now.`]);
  const [, second] = (await hop(['members', 'ls', '--json'], asOwner)).lines;
  expect(JSON.parse(second ?? '')).toMatchObject({ user_id: person.userId, email: person.email, role: 'admin' });
  const last = await hop(['members', 'leave'], asOwner);
  expect([last.code, last.err]).toEqual([3, expect.stringContaining('hop members role')]);
  expect((await hop(['members', 'rm', owner.email], asOwner)).err).toContain('hop members leave');
  expect((await hop(['members', 'rm', person.userId], asOwner)).lines).toEqual([`${person.email} is out within 5 s.`]);
  expect((await hop(['members', 'rm', person.userId], asOwner)).code).toBe(2);

  const { out } = await hop(['invitations', 'create', '--json'], asOwner);
  const { id, secret } = JSON.parse(out);
  expect((await hop(['invitations', 'rm', id], asOwner)).code).toBe(0);
  const gone = await asPerson(['join', secret, '--yes']);
  expect([gone.code, gone.err]).toEqual([5, expect.stringContaining('Ask for a new one')]);
  const other = await newPerson();
  const asOther = { variables: { HOP_TOKEN: other.token } };
  const another = await hop(['invitations', 'create', '--json'], asOwner);
  const byToken = await hop(['join', JSON.parse(another.out).secret, '--yes'], asOther);
  expect([byToken.code, byToken.lines[0], byToken.err]).toEqual([
    0,
    'You belong to Team now, as member.',
    expect.stringContaining('HOP_TOKEN is set'),
  ]);
  const twin = JSON.parse((await asPerson(['workspaces', 'create', 'Twin', '--json'])).out);
  expect((await asPerson(['workspaces', 'create', 'Twin'])).out).toContain('Twin is created; `hop workspaces use ');
  const rm = (named: string, flags: string[]) =>
    asPerson(['workspaces', 'rm', named, ...flags], `${person.password}\n`);
  expect((await rm('Twin', ['--yes', '--stdin'])).err).toContain('Several of your workspaces are called "Twin"');
  expect((await rm(twin.id, ['--stdin'])).code).toBe(2);
  expect((await rm(twin.id, ['--yes'])).err).toContain('--yes and --stdin');
  expect((await asPerson(['workspaces', 'rm', twin.id, '--yes', '--stdin'], 'wrong\n')).err).toContain('password');
  expect(await rm(twin.id, ['--yes', '--stdin'])).toMatchObject({ code: 0, lines: ['Twin is deleted.'], err: '' });
  expect((await asPerson(['workspaces', 'use', 'twin'])).code).toBe(0);
  const own = await rm('Twin', ['--yes', '--stdin', '--json']);
  expect([own.code, JSON.parse(own.out).deleted, own.err]).toEqual([0, true, expect.stringContaining('signed out')]);
  expect((await asPerson(['ls'])).err).toContain('You are not signed in');
  const byKey = await hop(['workspaces', 'ls'], {
    variables: { HOP_API_KEY: (await newKey(owner, ['links:read'])).secret },
  });
  expect([byKey.code, byKey.err]).toEqual([4, expect.stringContaining('hop login')]);
});

it.concurrent('status tells those who run the installation of every process, and others whether it is ready', async () => {
  expect((await hop(['status'], asAda())).out).toMatch(/● (ready|degraded)[\s\S]*PROCESS[\s\S]*gateway-access/);
  const stranger = await hop(['status', '--json'], { variables: { HOP_CONFIG_DIR: path.join(folder, 'nobody') } });
  expect(JSON.parse(stranger.out).status).toMatch(/^(ready|degraded)$/);
});

it.concurrent('open hands the short link to the browser', async () => {
  const { code, short_url } = await newLink(ada);
  const { out, code: ended } = await hop(['open', code, '--preview'], {
    variables: { HOP_TOKEN: ada.token, BROWSER: 'true' },
  });
  expect([ended, out]).toEqual([0, `${short_url}+\n`]);
});

it.concurrent('an installation that does not answer is named, with what to do', async () => {
  const { code, err } = await hop(['ls', '--url', 'http://127.0.0.1:1'], asAda());
  expect(code).toBe(7);
  expect(err).toContain('Nothing answers at http://127.0.0.1:1.');
});
