import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call, reasonOf } from '../support/http.ts';
import { joined, newKey, newLink, newPerson, type Person } from '../support/people.ts';
import { type PublicCall, publicCalls, requestOf, restFormsOf, type Subject } from './support/public-calls.ts';
import { callTyped, protocols, transportOf } from './support/typed.ts';

const scopes = ['links:read', 'links:write', 'links:resolve', 'stats:read', 'keys:write', 'workspace:admin'];
const roles: Readonly<Record<string, readonly string[]>> = {
  owner: scopes,
  admin: scopes,
  member: scopes.filter((scope) => scope !== 'workspace:admin'),
  viewer: ['links:read', 'stats:read'],
};
/** What a person does with an account or a workspace of their own: no API key may, whatever its scopes. */
const forSessionsOnly = [
  ...['LogOut', 'ListSessions', 'RevokeSession', 'RevokeOtherSessions', 'UpdateCurrentUser', 'ChangePassword'].map(
    (name) => `IdentityService/${name}`,
  ),
  'IdentityService/DeleteCurrentUser',
  ...['ListWorkspaces', 'UpdateWorkspace', 'UpdateMember', 'RemoveMember', 'CreateInvitation', 'DeleteInvitation'].map(
    (name) => `WorkspaceService/${name}`,
  ),
  'WorkspaceService/CreateWorkspace',
  'WorkspaceService/DeleteWorkspace',
  'WorkspaceService/LookUpInvitation',
  'WorkspaceService/AcceptInvitation',
];
/** Every member may leave, so that the rule of this call names no scope; the request is about somebody else. */
const removal = 'WorkspaceService/RemoveMember';

/** Each call of the contract that needs a caller, and what comes of it: "may", or the reason why not. */
type Outcomes = Readonly<Record<string, string>>;
const guarded = publicCalls.filter(({ anonymous }) => !anonymous);
const outcomes = (of: (publicCall: PublicCall) => string): Outcomes =>
  Object.fromEntries(guarded.map((publicCall) => [publicCall.name, of(publicCall)]));
const holds = (held: readonly string[], { scope }: PublicCall): boolean => scope === '' || held.includes(scope);

let ada: Person;
beforeAll(async () => {
  ada = await newPerson();
});

async function signedInAs(person: Person): Promise<string> {
  const { email, password } = person;
  const answer = await call('/api/auth/login', { body: { email, password } });
  expect(answer.status, answer.text).toBe(200);
  return answer.json.token;
}

/** Makes every guarded call once; any answer but 401 and 403 comes from behind the access rule. */
async function outcomesFor(tokenFor: (publicCall: PublicCall) => Promise<string>, owner: Person): Promise<Outcomes> {
  const { code } = await newLink(owner);
  const subject: Subject = {
    code,
    apiKeyId: randomUUID(),
    userId: randomUUID(),
    invitationId: randomUUID(),
    refreshToken: '',
  };
  const found: Record<string, string> = {};
  for (const publicCall of guarded) found[publicCall.name] = await outcomeOf(publicCall, subject, tokenFor);
  return found;
}

async function outcomeOf(
  publicCall: PublicCall,
  subject: Subject,
  tokenFor: (publicCall: PublicCall) => Promise<string>,
): Promise<string> {
  const token = await tokenFor(publicCall);
  const seen = new Set<string>();
  for (const { path, method, body } of restFormsOf(publicCall, subject)) {
    const answer = await call(path, { method, token, ...(body === undefined ? {} : { body }) });
    expect(answer.status, answer.text).toBeLessThan(500);
    seen.add([401, 403].includes(answer.status) ? (reasonOf(answer) ?? answer.text) : 'may');
  }
  if (publicCall.rules.length > 0) return [...seen].join(', ');
  for (const protocol of protocols) {
    const headers = { authorization: `Bearer ${token}` };
    const { code, reason } = await callTyped(
      transportOf(protocol),
      publicCall,
      requestOf(publicCall, subject),
      headers,
    );
    seen.add(code === 'OK' ? 'may' : `${reason}`);
  }
  return [...seen].join(', ');
}

describe('an API key', () => {
  const keys = [...scopes.map((scope) => ({ what: scope, held: [scope] })), { what: 'every scope', held: scopes }];
  it.each(keys)('with $what may do that, and nothing else', async ({ held }) => {
    const { secret } = await newKey(ada, held);
    const expected = outcomes((publicCall) => {
      if (!holds(held, publicCall)) return 'SCOPE_MISSING';
      return forSessionsOnly.includes(publicCall.name) ? 'CALLER_KIND_REFUSED' : 'may';
    });
    expect(await outcomesFor(async () => secret, ada)).toEqual(expected);
  });

  it('may do no more than the role of its owner, within 5 s of a change', async () => {
    const person = await joined(ada, await newPerson(), 'admin');
    const { secret } = await newKey(person, scopes);
    const make = () => call('/api/v1/urls', { token: secret, body: { long_url: 'https://example.org/role' } });
    expect((await make()).status).toBe(201);
    const role = { method: 'PATCH', token: ada.token, body: { role: 'viewer' } };
    expect((await call(`/api/v1/members/${person.userId}`, role)).status).toBe(200);
    const { answer } = await eventually(make, ({ status }) => status !== 201, { timeoutMs: 5_000, everyMs: 100 });
    expect([answer.status, reasonOf(answer)]).toEqual([403, 'SCOPE_MISSING']);
    expect((await call('/api/v1/urls', { token: secret })).status).toBe(200);
  });
});

describe.each(Object.entries(roles))('a signed-in %s', (role, held) => {
  it('may do what the role includes, and nothing else', async () => {
    const owner = await newPerson();
    const person = role === 'owner' ? owner : await joined(owner, await newPerson(), role);
    const token = await signedInAs(person);
    expect((await call('/api/v1/users/me', { token })).json.workspace.role).toBe(role);
    // A session of its own for the call that ends it.
    const tokenFor = async ({ name }: PublicCall) => (name.endsWith('/LogOut') ? signedInAs(person) : token);
    const mayRemove = held.includes('workspace:admin');
    const expected = outcomes((publicCall) => {
      const may = publicCall.name === removal ? mayRemove : holds(held, publicCall);
      return may ? 'may' : 'ROLE_MISSING';
    });
    expect(await outcomesFor(tokenFor, owner)).toEqual(expected);
  });
});
