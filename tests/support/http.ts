import { inject } from 'vitest';

/** What a test sees of an answer: never followed, never cached, body read to the end. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the contract promises, and fails where it is not there.
  json: any;
}

export interface Call {
  method?: string;
  token?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

const parsed = (text: string) => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Calls the mesh's front door; `path` starts with "/" (or is an absolute URL). A text body is sent as it is. */
export async function call(path: string, { method, token, body, headers = {} }: Call = {}): Promise<Answer> {
  // Joined as text, so that a path may begin with two slashes.
  const response = await fetch(path.startsWith('http') ? path : `${inject('meshUrl')}${path}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    redirect: 'manual',
    signal: AbortSignal.timeout(15_000),
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parsed(text) };
}

/** The reason of the ErrorInfo that every error carries. */
export const reasonOf = (answer: Answer): string | undefined =>
  answer.json?.details?.find((detail: { '@type': string }) => detail['@type'].endsWith('google.rpc.ErrorInfo'))?.reason;

/** The fields that a 400 names. */
export const fieldsOf = (answer: Answer): string[] =>
  answer.json?.details
    ?.find((detail: { '@type': string }) => detail['@type'].endsWith('google.rpc.BadRequest'))
    ?.field_violations.map((violation: { field: string }) => violation.field) ?? [];
