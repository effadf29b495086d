import type { Json } from './openapi.ts';

/**
 * One example per path. `$NAME` in a value is a variable: the reader's own (`readersVariables`), or one kept by an earlier example.
 * tests/mesh/openapi.test.ts runs them in this order against a mesh.
 */
export interface Example {
  /** The verb and the path as in the contract. */
  readonly call: string;
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, Json>>;
  readonly status: number;
  /** Absent if the answer consists of headers, or is a page. */
  readonly answer?: Json;
  /** The call whose example is run again before this one, because what it kept is used up. */
  readonly after?: string;
  /** Variables for later examples, as JSON pointers into the answer. */
  readonly keep?: Readonly<Record<string, string>>;
}

/** What a reader has to set, besides HOP, the address of the installation. */
export const readersVariables = {
  EMAIL: 'ada@example.org',
  PASSWORD: 'a long enough passphrase',
  NEW_PASSWORD: 'another long enough passphrase',
  INVITATION: 'hopi_ from somebody else',
  MEMBER_ID: 'the id of another member',
} as const;

const user = {
  id: '0199f3c1-6b1e-7d0a-8c3f-2f6f0a4c9e11',
  email: 'ada@example.org',
  name: 'Ada',
  created_at: '2026-03-02T09:30:00.123456Z',
};
const workspace = { id: '0199f3c1-6b1f-7a55-9d21-5f0f7f3b6c02', name: 'Ada', role: 'owner' };
const session = {
  user,
  workspace,
  token: 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9…',
  refresh_token: 'hopr_Yk1vQ2h4N0p2…',
  expires_at: '2026-03-02T09:45:00Z',
  expires_in: 900,
};
const key = {
  id: '0199f3c4-0c7a-7b1c-b7a9-8a1f5f0e2d33',
  name: 'Nightly export',
  scopes: ['links:read', 'stats:read'],
  prefix: 'hop_4fT9',
  created_at: '2026-03-02T09:31:00.5Z',
};
const link = {
  id: '0199f3c5-7c0b-7e7f-8a5d-3c8e9a0b1d44',
  code: 'x7Kp2Qa',
  domain: 'localhost',
  short_url: 'http://localhost:8080/x7Kp2Qa',
  long_url: 'https://example.com/spring?from=poster',
  title: 'Spring poster',
  tags: ['poster', 'spring'],
  redirect_status: 302,
  created_at: '2026-03-02T09:32:00.25Z',
  updated_at: '2026-03-02T09:32:00.25Z',
  is_active: true,
  etag: 'v1-1',
  click_count: 0,
  state: 'active',
};
const edgeStatus = {
  instance: 'gateway-edge',
  version: '0.1.0',
  started_at: '2026-03-02T09:00:00Z',
  memory_bytes: 134_217_728,
  calls_in_flight: 2,
  dependencies: [
    { name: 'hot-set', up: true },
    { name: 'watch', up: true },
  ],
  breakers: [],
  watch: { age_seconds: 0.21 },
  tiers: [{ tier: 'edge', answers: 5_700, answers_per_second: 95 }],
  hot_set: {
    entries: 1_250,
    entry_capacity: 12_500,
    bytes: 612_000,
    byte_capacity: 33_554_432,
    envoys: 1,
    pushes: 40,
    rejections: 0,
    promotions: 1_300,
    demotions: 40,
    corrections: 10,
  },
  lease: { held: true, age_seconds: 3_590, ttl_seconds: 1.64, withdrawals: 0 },
  spool: { bytes: 4_096, age_seconds: 0.2, acknowledged: 300, failed: 0 },
};
const member = {
  user_id: user.id,
  email: user.email,
  name: 'Ada Lovelace',
  role: 'owner',
  joined_at: '2026-03-02T09:30:00.123456Z',
  is_current: true,
};
const joined = { id: '0199f3c1-6b1f-7a55-9d21-5f0f7f3b6c03', name: 'Charles', role: 'member' };
const invitation = {
  id: '0199f3c4-0c7a-7b1c-b7a9-8a1f5f0e2d34',
  role: 'member',
  name: 'Charles',
  invited_by: 'Ada Lovelace',
  created_at: '2026-03-02T09:31:00.5Z',
  expires_at: '2026-03-09T09:31:00.5Z',
};
const shares = (value: string) => [{ value, clicks: 3, visitors: 2 }];
const keepSession = { TOKEN: '/token', REFRESH_TOKEN: '/refresh_token' };
const code = { code: '$CODE' };

export const examples: readonly Example[] = [
  {
    call: 'POST /api/auth/signup',
    body: { email: '$EMAIL', password: '$PASSWORD', name: 'Ada' },
    status: 201,
    answer: session,
    keep: keepSession,
  },
  {
    call: 'POST /api/auth/login',
    body: { email: '$EMAIL', password: '$PASSWORD' },
    status: 200,
    answer: session,
    keep: keepSession,
  },
  {
    call: 'POST /api/auth/refresh',
    body: { refresh_token: '$REFRESH_TOKEN' },
    status: 200,
    answer: session,
    keep: keepSession,
  },
  { call: 'GET /api/v1/users/me', status: 200, answer: { ...user, workspace } },
  {
    call: 'PATCH /api/v1/users/me',
    body: { name: 'Ada Lovelace' },
    status: 200,
    answer: { ...user, name: 'Ada Lovelace', workspace },
  },
  {
    call: 'POST /api/v1/api-keys',
    body: { name: 'Nightly export', scopes: ['links:read', 'stats:read'], expires_at: '2099-01-01T00:00:00Z' },
    status: 201,
    answer: { ...key, secret: 'hop_4fT9…', expires_at: '2099-01-01T00:00:00Z' },
    keep: { KEY_ID: '/id' },
  },
  {
    call: 'GET /api/v1/api-keys',
    status: 200,
    answer: { api_keys: [{ ...key, secret: '', expires_at: '2099-01-01T00:00:00Z' }] },
  },
  {
    call: 'GET /api/v1/sessions',
    status: 200,
    answer: {
      sessions: [
        {
          id: '0199f3c1-6b20-7c11-8e6d-1d7a3c5b9f21',
          client: 'Firefox on Linux',
          created_at: '2026-03-02T09:30:00.5Z',
          renewed_at: '2026-03-02T09:45:00Z',
          expires_at: '2026-04-01T09:45:00Z',
          is_current: true,
        },
        {
          id: '0199f3c1-6b20-7c11-8e6d-1d7a3c5b9f10',
          client: 'Safari on iOS',
          created_at: '2026-02-27T18:02:11.25Z',
          renewed_at: '2026-03-01T20:15:00Z',
          expires_at: '2026-03-31T20:15:00Z',
          is_current: false,
        },
      ],
      next_page_token: '',
    },
    keep: { SESSION_ID: '/sessions/1/id' },
  },
  { call: 'DELETE /api/v1/sessions/{id}', path: { id: '$SESSION_ID' }, status: 200, answer: {} },
  { call: 'POST /api/v1/sessions:revokeOthers', body: {}, status: 200, answer: { revoked_count: 3 } },
  { call: 'GET /api/v1/workspaces', status: 200, answer: { workspaces: [workspace] } },
  {
    call: 'POST /api/v1/workspaces',
    body: { name: 'Difference Engines' },
    status: 201,
    answer: { ...workspace, id: '0199f3c9-1d2e-7c44-8b1a-6e0f9a3c5d77', name: 'Difference Engines' },
    keep: { WORKSPACE_ID: '/id' },
  },
  {
    call: 'POST /api/v1/workspaces/{id}:delete',
    path: { id: '$WORKSPACE_ID' },
    body: { current_password: '$PASSWORD' },
    status: 200,
    answer: {},
  },
  {
    call: 'PATCH /api/v1/workspace',
    body: { name: 'Analytical Engines' },
    status: 200,
    answer: { ...workspace, name: 'Analytical Engines' },
  },
  { call: 'GET /api/v1/members', status: 200, answer: { members: [member] } },
  {
    call: 'PATCH /api/v1/members/{user_id}',
    path: { user_id: 'me' },
    body: { role: 'owner' },
    status: 200,
    answer: member,
  },
  {
    call: 'DELETE /api/v1/members/{user_id}',
    path: { user_id: '$MEMBER_ID' },
    status: 200,
    answer: {},
  },
  {
    call: 'POST /api/v1/invitations',
    body: { role: 'member', name: 'Charles' },
    status: 201,
    answer: {
      ...invitation,
      secret: 'hopi_3nVw…',
      url: 'http://localhost:8080/app/join#hopi_3nVw…',
    },
    keep: { INVITATION_ID: '/id' },
  },
  { call: 'GET /api/v1/invitations', status: 200, answer: { invitations: [invitation] } },
  {
    call: 'POST /api/v1/invitations:lookUp',
    body: { secret: '$INVITATION' },
    status: 200,
    answer: { workspace: joined, invited_by: 'Charles', expires_at: '2026-03-09T09:31:00.5Z', is_member: false },
  },
  { call: 'POST /api/v1/invitations:accept', body: { secret: '$INVITATION' }, status: 200, answer: joined },
  { call: 'DELETE /api/v1/invitations/{id}', path: { id: '$INVITATION_ID' }, status: 200, answer: {} },
  {
    call: 'GET /api/v1/domains',
    status: 200,
    answer: { domains: [{ name: 'localhost', is_default: true, short_url_base: 'http://localhost:8080/' }] },
  },
  {
    call: 'POST /api/v1/urls',
    headers: { 'Idempotency-Key': 'spring-poster-1' },
    body: { long_url: 'https://example.com/spring?from=poster', title: 'Spring poster', tags: ['spring', 'poster'] },
    status: 201,
    answer: link,
    keep: { CODE: '/code', ETAG: '/etag' },
  },
  {
    call: 'POST /api/urls',
    body: { original_url: 'https://example.com/', ttl: 86_400, max_clicks: 50 },
    status: 201,
    answer: {
      ...{ ...link, long_url: 'https://example.com/', title: '', tags: [], expires_at: '2026-03-03T09:32:00.25Z' },
      ...{ max_clicks: 50, used_clicks: 0 },
    },
  },
  { call: 'GET /api/v1/urls/{code}', path: code, status: 200, answer: link },
  {
    call: 'GET /api/v1/urls',
    query: { page_size: '20', tag: 'spring', order_by: 'updated_at desc' },
    status: 200,
    answer: { urls: [link], next_page_token: '' },
  },
  {
    call: 'GET /api/v1/users/{user_id}/urls',
    path: { user_id: 'me' },
    query: { search: 'poster' },
    status: 200,
    answer: { urls: [link], next_page_token: '' },
  },
  {
    call: 'PATCH /api/v1/urls/{code}',
    path: code,
    query: { update_mask: 'expires_at' },
    body: { title: 'Spring poster, second print', etag: '$ETAG' },
    status: 200,
    answer: { ...link, title: 'Spring poster, second print', updated_at: '2026-03-02T10:00:00Z', etag: 'v1-2' },
  },
  { call: 'GET /{code}', path: code, status: 302 },
  { call: 'HEAD /{code}', path: code, status: 302 },
  { call: 'GET /r/{code}', path: code, status: 302 },
  { call: 'HEAD /r/{code}', path: code, status: 302 },
  {
    call: 'GET /api/v1/urls/{code}/stats',
    path: code,
    query: { interval: 'day', timezone: 'Europe/Berlin' },
    status: 200,
    answer: {
      clicks: 3,
      visitors: 2,
      bots: 1,
      heads: 2,
      prefetches: 0,
      series: [{ at: '2026-03-01T23:00:00Z', clicks: 3, visitors: 2 }],
      referrers: shares('news.example.org'),
      countries: shares('DE'),
      cities: shares('Berlin, Land Berlin, DE'),
      devices: shares('mobile'),
      browsers: shares('Firefox'),
      operating_systems: shares('Android'),
      languages: shares('de'),
      last_click_at: '2026-03-02T10:01:00.5Z',
      tiers: [{ tier: 'edge', clicks: 3 }],
    },
  },
  {
    call: 'GET /api/v1/urls/{code}/clicks',
    path: code,
    query: { page_size: '10' },
    status: 200,
    answer: {
      clicks: [
        {
          at: '2026-03-02T10:01:00.5Z',
          country: 'DE',
          region: 'Land Berlin',
          city: 'Berlin',
          device: 'mobile',
          browser: 'Firefox',
          operating_system: 'Android',
          referrer: 'news.example.org',
          language: 'de',
          bot: false,
          head: false,
          prefetch: false,
          tier: 'edge',
        },
      ],
      next_page_token: '',
    },
  },
  {
    call: 'GET /api/v1/stats',
    query: { interval: 'day', top_links: '3' },
    status: 200,
    answer: {
      clicks: 48,
      visitors: 30,
      bots: 2,
      links: 2,
      series: [{ at: '2026-03-02T00:00:00Z', clicks: 48, visitors: 30 }],
      top_links: [
        { code: 'x7Kp2Qa', domain: 'localhost', title: 'Spring poster', clicks: 45, visitors: 28, deleted: false },
      ],
      previous: {
        from: '2026-01-01T10:02:00Z',
        to: '2026-01-31T10:02:00Z',
        clicks: 0,
        visitors: 0,
        bots: 0,
        series: [{ at: '2026-01-31T00:00:00Z', clicks: 0, visitors: 0 }],
      },
      top_links_unnamed: false,
    },
  },
  {
    call: 'GET /api/v1/status',
    status: 200,
    answer: {
      at: '2026-03-02T10:02:00.5Z',
      state: 'degraded',
      degraded: ['resolver-2'],
      tiers: [{ tier: 'edge', answers_per_second: 95, share: 0.95, answers: 5_700 }],
      processes: [
        { name: 'gateway-edge', kind: 'gateway-edge', answers: true, status: edgeStatus },
        { name: 'resolver-2', kind: 'resolver', answers: false },
      ],
      unlisted_processes: 0,
    },
  },
  { call: 'DELETE /api/v1/urls/{code}', path: code, status: 200, answer: {} },
  { call: 'POST /api/v1/urls/{code}:undelete', path: code, body: {}, status: 200, answer: link },
  { call: 'DELETE /api/v1/api-keys/{id}', path: { id: '$KEY_ID' }, status: 200, answer: {} },
  { call: 'POST /api/auth/logout', body: {}, status: 200, answer: {} },
  {
    call: 'POST /api/v1/users/me:changePassword',
    after: 'POST /api/auth/login',
    body: { current_password: '$PASSWORD', new_password: '$NEW_PASSWORD' },
    status: 200,
    answer: { revoked_count: 1 },
  },
  {
    call: 'POST /api/v1/users/me:delete',
    body: { current_password: '$NEW_PASSWORD' },
    status: 200,
    answer: {},
  },
  {
    call: 'GET /.well-known/jwks.json',
    status: 200,
    answer: {
      keys: [{ kty: 'EC', crv: 'P-256', x: 'f83OJ3D2…', y: 'x_FEzRu9…', kid: 'k1', alg: 'ES256', use: 'sig' }],
    },
  },
  { call: 'GET /healthz', status: 200, answer: 'ok\n' },
  { call: 'HEAD /healthz', status: 200 },
  { call: 'GET /readyz', status: 200, answer: { status: 'ready', degraded: [] } },
  { call: 'HEAD /readyz', status: 200 },
];
