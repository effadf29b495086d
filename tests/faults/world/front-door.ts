// Single calls of the mesh's front door, outside any load.

interface Call {
  readonly method?: string;
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

interface DoorAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a judge reads whatever the contract promises, and fails where it is not there.
  readonly json: any;
}

/** Redirects are not followed; rejects when there is no answer in time. */
export async function call(
  url: string,
  { method, token, body, headers, timeoutMs = 10_000 }: Call = {},
): Promise<DoorAnswer> {
  const response = await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json');
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

/** The same, but throws with the answer when the status is another. */
export async function expectStatus(status: number, url: string, options: Call = {}): Promise<DoorAnswer> {
  const answer = await call(url, options);
  if (answer.status !== status) throw new Error(`${url} answered ${answer.status}, not ${status}: ${answer.text}`);
  return answer;
}
