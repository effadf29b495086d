import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { Exposure } from '#gen/options/v1/access_pb.ts';
import { descriptorSetPath, readContract } from '#runtime/contract/contract.ts';
import { reasons } from '#runtime/errors/reasons.ts';
import { redirectStatuses } from '#runtime/shortlink/link-record.ts';
import { buildOpenApi } from './document.ts';
import { examples } from './examples.ts';
import type { Operation, Schema, Verb } from './openapi.ts';

const descriptorSet = readFileSync(descriptorSetPath);
const api = buildOpenApi({ descriptorSet, publicUrl: 'https://hop.test/' });
const contract = readContract(descriptorSet);
const operations = Object.entries(api.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([verb, operation]) => ({ path, verb, operation })),
);

function operation(verb: Verb, path: string): Operation {
  const found = api.paths[path]?.[verb];
  if (!found) throw new Error(`The document has no ${verb} ${path}.`);
  return found;
}

const property = (schema: string, name: string): Schema | undefined =>
  api.components.schemas[schema]?.properties?.[name];

describe('the document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    expect(await validator.validate(JSON.parse(JSON.stringify(api)))).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
  });

  it('has every path of every PUBLIC call, and the streams beside them', () => {
    for (const { name, exposure, bindings } of contract) {
      if (exposure !== Exposure.PUBLIC) continue;
      for (const { verb, path } of bindings)
        expect(operation(verb.toLowerCase() as Verb, path.text)['x-rpc'], path.text).toBe(name);
      if (bindings.length === 0) expect(api['x-grpc-calls'].map(({ rpc }) => rpc)).toContain(name);
    }
  });

  it('has no call that is INTERNAL, and of Envoy’s own calls redirects and health', () => {
    const exposed = new Map(contract.map(({ name, exposure }) => [name, exposure]));
    const edge = operations
      .map(({ operation: { 'x-rpc': rpc = '' } }) => rpc)
      .filter((rpc) => exposed.get(rpc) !== Exposure.PUBLIC);
    expect([...new Set(edge)].sort()).toEqual([
      '',
      'hop.pages.v1.PagesService/GetReadiness',
      'hop.resolver.v1.ResolverService/Redirect',
    ]);
  });

  it('has an example for every operation, and no other', () => {
    const without = operations.filter(
      ({
        operation: {
          'x-example': { step },
        },
      }) => step < 1,
    );
    expect(without.map(({ verb, path }) => `${verb} ${path}`)).toEqual([]);
    const steps = operations
      .map(
        ({
          operation: {
            'x-example': { step },
          },
        }) => step,
      )
      .sort((a, b) => a - b);
    expect(steps).toEqual(examples.map((_, index) => index + 1));
  });

  it('names each operation once', () => {
    const ids = operations.map(({ operation: { operationId } }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('marks the other paths of a call', () => {
    expect(operation('post', '/api/v1/urls')['x-alias-of']).toBeUndefined();
    expect(operation('post', '/api/urls')['x-alias-of']).toBe('createLink');
    expect(operation('get', '/api/v1/users/{user_id}/urls')['x-alias-of']).toBe('listLinks');
    expect(operation('head', '/{code}')['x-alias-of']).toBe('redirect');
  });

  it('describes every field that goes in or out', () => {
    for (const [name, { properties = {} }] of Object.entries(api.components.schemas))
      for (const [field, schema] of Object.entries(properties))
        if (!('const' in schema)) expect([name, field, schema.description ?? '']).not.toContain('');
    for (const {
      path,
      operation: { parameters, summary },
    } of operations) {
      expect(summary, path).not.toBe('');
      for (const { name, description } of parameters) expect([path, name, description]).not.toContain('');
    }
  });
});

describe('a schema', () => {
  it('has the rules of the proto as limits', () => {
    expect(property('CreateLinkRequest', 'title')).toMatchObject({ type: 'string', maxLength: 256 });
    expect(property('CreateLinkRequest', 'tags')).toMatchObject({
      type: 'array',
      maxItems: 32,
      items: { type: 'string', minLength: 1, maxLength: 64 },
    });
    expect(operation('get', '/api/v1/urls/{code}').parameters[0]).toMatchObject({
      name: 'code',
      in: 'path',
      required: true,
      schema: { type: 'string', minLength: 1, maxLength: 256 },
    });
  });

  it('takes the statuses that links answer with', () => {
    for (const request of ['CreateLinkRequest', 'LinkPatch'])
      expect(property(request, 'redirect_status')?.enum).toEqual(redirectStatuses);
  });

  it('says what a request needs, and refuses what the call does not know', () => {
    expect(api.components.schemas.SignUpRequest).toMatchObject({
      required: ['email', 'password'],
      additionalProperties: false,
    });
    expect(api.components.schemas.CreateApiKeyRequest?.required).toEqual(['name', 'scopes']);
    expect(operation('post', '/api/auth/signup').requestBody?.required).toBe(true);
  });

  it('says what an answer always has', () => {
    const { required = [] } = api.components.schemas.Link ?? {};
    expect(required).toContain('tags');
    expect(required).toContain('created_at');
    for (const name of ['expires_at', 'deleted_at', 'click_count']) expect(required).not.toContain(name);
  });

  it('has the formats of proto JSON', () => {
    expect(property('Link', 'created_at')).toMatchObject({ type: 'string', format: 'date-time' });
    expect(property('Link', 'click_count')).toMatchObject({ type: 'number', format: 'double' });
    expect(property('Link', 'redirect_status')).toMatchObject({ type: 'integer', format: 'int32' });
  });

  it('gives a field once: by the path, the query or the body', () => {
    const patch = operation('patch', '/api/v1/urls/{code}');
    expect(patch.parameters.map(({ name, in: place }) => `${place} ${name}`)).toEqual([
      'path code',
      'query domain',
      'query update_mask',
      'header If-Match',
    ]);
    expect(patch.requestBody?.content['application/json']?.schema.$ref).toBe('#/components/schemas/LinkPatch');
    const undelete = operation('post', '/api/v1/urls/{code}:undelete');
    expect(Object.keys(undelete.requestBody?.content['application/json']?.schema.properties ?? {})).toEqual(['domain']);
  });
});

describe('a call', () => {
  it('says who may make it', () => {
    expect(operation('post', '/api/auth/signup').security).toEqual([]);
    expect(operation('get', '/api/v1/users/me').security).toEqual([{ bearer: [] }]);
    expect(operation('post', '/api/v1/urls').security).toEqual([{ bearer: ['links:write'] }]);
  });

  it('has the reasons that its comment names, by status, beside those of any call', () => {
    const { responses } = operation('post', '/api/v1/urls');
    expect(responses['409']?.['x-reasons']).toEqual([
      'ALIAS_TAKEN',
      'IDEMPOTENCY_KEY_REUSED',
      'IDEMPOTENCY_IN_PROGRESS',
    ]);
    expect(responses['400']?.['x-reasons']).toContain('UNKNOWN_FIELD');
    expect(responses['403']?.['x-reasons']).toEqual(['WORKSPACE_TAKEN_DOWN', 'SCOPE_MISSING', 'ROLE_MISSING']);
    expect(Object.keys(responses)).toContain('201');
    expect(operation('post', '/api/auth/signup').responses['401']).toBeUndefined();
  });

  it('is refused for reasons that exist, whatever comments say', () => {
    const named = operations.flatMap(({ operation: { responses } }) =>
      Object.values(responses).flatMap((response) => response['x-reasons'] ?? []),
    );
    expect(named.filter((reason) => !Object.hasOwn(reasons, reason))).toEqual([]);
  });
});
