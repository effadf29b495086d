import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { OpenApi, Operation, Schema } from '../../gateway/access/pages/openapi/openapi.ts';
import { type Answer, call } from '../support/http.ts';
import { joined, newPerson } from '../support/people.ts';

const run = promisify(execFile);

let served: Answer;
let api: OpenApi;
beforeAll(async () => {
  served = await call('/api/openapi.json');
  api = served.json;
});

describe('/api/openapi.json', () => {
  it('is valid OpenAPI 3.1, for anybody', async () => {
    expect([served.status, served.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(await new Validator().validate(JSON.parse(served.text))).toEqual({ valid: true });
  });

  it.each(['/api/openapi.json', '/api/docs'])('%s comes compressed, once', async (path) => {
    for (const encoding of ['br', 'gzip']) {
      const first = await call(path, { headers: { 'accept-encoding': encoding } });
      expect([first.status, first.headers.get('content-encoding')]).toEqual([200, encoding]);
      const etag = first.headers.get('etag') ?? '';
      const again = await call(path, { headers: { 'accept-encoding': encoding, 'if-none-match': etag } });
      expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
    }
    const head = await call(path, { method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
    const post = await call(path, { method: 'POST', body: {} });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

it('shows the API on a page without scripts', async () => {
  const page = await call('/api/docs');
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
  expect(page.text).not.toContain('<script');
  for (const path of Object.keys(api.paths)) expect(page.text).toContain(`<code>${path}</code>`);
});

it('has no other page below /api/', async () => {
  expect((await call('/api/docs/')).status).toBe(404);
  expect((await call('/api/openapi.yaml')).status).toBe(404);
});

interface Made {
  readonly name: string;
  readonly operation: Operation;
  readonly pointer: string;
}

/** The examples in the order of their steps. */
function tour(): Made[] {
  const all = Object.entries(api.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([verb, operation]) => ({
      name: `${verb.toUpperCase()} ${path}`,
      operation,
      pointer: ['paths', path, verb].map(escaped).join('/'),
    })),
  );
  return all.sort((a, b) => a.operation['x-example'].step - b.operation['x-example'].step);
}

const escaped = (part: string): string => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));

/** The document without room for what it does not describe. */
function strict(): object {
  const copy = structuredClone(api) as {
    components: { schemas: Record<string, Schema & { additionalProperties?: unknown }> };
  };
  for (const schema of Object.values(copy.components.schemas))
    if (schema.properties) schema.additionalProperties ??= false;
  return copy;
}

/** Runs a command of the document in a shell, as a reader would; answers status, headers and body. */
async function shell(source: string, env: Readonly<Record<string, string>>) {
  const { stdout } = await run('sh', ['-c', `${source} -sS -i --max-time 15`], {
    env: { PATH: process.env.PATH ?? '', ...env },
  });
  const end = stdout.indexOf('\r\n\r\n');
  const [first = '', ...lines] = stdout.slice(0, end).split('\r\n');
  const headers = new Headers(
    lines.map((line): [string, string] => [line.replace(/:.*/s, ''), line.replace(/^[^:]*:\s*/, '')]),
  );
  return { status: Number(first.split(' ')[1]), headers, text: stdout.slice(end + 4) };
}

/** What a JSON pointer leads to. */
const at = (body: unknown, pointer: string): unknown =>
  pointer
    .slice(1)
    .split('/')
    .reduce((value, step) => (value as Record<string, unknown> | undefined)?.[step], body);

/** What a reader has from somebody else. */
const fromOthers: Readonly<Record<string, (variables: Record<string, string>) => Promise<void>>> = {
  async 'POST /api/v1/invitations:lookUp'(variables) {
    const { token } = await newPerson();
    variables.INVITATION = (await call('/api/v1/invitations', { token, body: { role: 'member' } })).json.secret;
  },
  async 'DELETE /api/v1/members/{user_id}'(variables) {
    variables.MEMBER_ID = (await joined({ token: variables.TOKEN ?? '' }, await newPerson(), 'member')).userId;
  },
};

it('has examples that work, each answered as the document says', async () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (addFormats as unknown as (instance: Ajv2020) => void)(ajv);
  for (const format of ['int32', 'uint32', 'int64', 'uint64', 'double', 'float', 'byte']) ajv.addFormat(format, true);
  ajv.addSchema(strict(), 'api');
  const variables: Record<string, string> = {
    ...api['x-variables'],
    HOP: inject('meshUrl'),
    EMAIL: `ada.${randomUUID()}@example.org`,
  };
  const samples = tour();
  const answerOf = async ({ name, operation }: Made) => {
    const { status, keep } = operation['x-example'];
    const answer = await shell(operation['x-codeSamples'][0]?.source ?? '', variables);
    expect(answer.status, `${name}: ${answer.text}`).toBe(status);
    for (const [variable, place] of Object.entries(keep))
      variables[variable] = String(at(JSON.parse(answer.text), place));
    return answer;
  };
  for (const sample of samples) {
    const { name, operation, pointer } = sample;
    await fromOthers[name]?.(variables);
    const { status, after } = operation['x-example'];
    const again = samples.find((one) => one.name === after);
    if (again) await answerOf(again);
    const answer = await answerOf(sample);
    const described = operation.responses[status];
    expect(described, name).toBeDefined();
    for (const header of Object.keys(described?.headers ?? {}).filter((known) => known !== 'Idempotency-Replayed'))
      expect(answer.headers.has(header), `${name}: ${header}`).toBe(true);
    const [type] = Object.keys(described?.content ?? {});
    if (type === undefined) {
      expect(answer.text, name).toBe('');
      continue;
    }
    expect(answer.headers.get('content-type')?.split(';')[0], name).toBe(type);
    const body: unknown = type === 'application/json' ? JSON.parse(answer.text) : answer.text;
    const validate = ajv.compile({ $ref: `api#/${pointer}/responses/${status}/content/${escaped(type)}/schema` });
    expect([name, validate(body), validate.errors]).toEqual([name, true, null]);
  }
});

it('shows answers that its own schemas allow', () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema(strict(), 'api');
  for (const { name, operation, pointer } of tour())
    for (const [status, { content = {} }] of Object.entries(operation.responses))
      for (const [type, { example }] of Object.entries(content)) {
        if (example === undefined) continue;
        const validate = ajv.compile({ $ref: `api#/${pointer}/responses/${status}/content/${escaped(type)}/schema` });
        expect([name, validate(example), validate.errors]).toEqual([name, true, null]);
      }
});

it('describes refusals as they are', async () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(strict(), 'api');
  const validate = ajv.compile({ $ref: 'api#/components/schemas/Error' });
  for (const refused of [
    await call('/api/v1/urls'),
    await call('/api/v1/urls', { token: 'nonsense' }),
    await call('/api/v1/nothing'),
    await call('/api/auth/signup', { body: { email: 'x' } }),
    await call('/api/auth/signup', { body: { nonsense: 1 } }),
    await call('/api/auth/signup', { method: 'PUT', body: {} }),
    await call('/nothing-here', { headers: { accept: 'application/json' } }),
  ])
    expect([refused.text, validate(refused.json), validate.errors]).toEqual([refused.text, true, null]);
});
