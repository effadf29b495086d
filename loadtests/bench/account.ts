// Whose links are measured: one account with an API key.
export interface Account {
  readonly userId: string;
  readonly workspaceId: string;
  readonly apiKey: string;
}

const TIMEOUT_MS = 15_000;

export async function newAccount(url: string): Promise<Account> {
  const id = `${process.pid}-${Date.now()}`;
  const account = { email: `bench-${id}@example.org`, password: `correct horse ${id}`, name: 'Bench' };
  const made = await post<{ token: string; user: { id: string }; workspace: { id: string } }>(
    `${url}/api/auth/signup`,
    account,
  );
  const wanted = { name: 'bench', scopes: ['links:read', 'links:write', 'stats:read'] };
  const { secret } = await post<{ secret: string }>(`${url}/api/v1/api-keys`, wanted, made.token);
  return { userId: made.user.id, workspaceId: made.workspace.id, apiKey: secret };
}

async function post<T>(url: string, body: object, token?: string): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await response.text();
  if (response.status !== 201) throw new Error(`POST ${url}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}
