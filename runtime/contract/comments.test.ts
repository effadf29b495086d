import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readComments } from './comments.ts';
import { descriptorSetPath, readContract } from './contract.ts';

const descriptorSet = readFileSync(descriptorSetPath);
const comments = readComments(descriptorSet);

it('reads the comments of services, calls, messages and fields, each as paragraphs', () => {
  expect(comments.get('hop.link.v1.LinkService')).toMatch(/^LinkService owns links: [^\n]+\n\nA link out of/);
  expect(comments.get('hop.link.v1.LinkService.GetLink')).toMatch(/^Returns one link\. /);
  expect(comments.get('hop.link.v1.Link')).toMatch(/^Link is a short link/);
  expect(comments.get('hop.link.v1.Link.etag')).toMatch(/^Changes with every change of the link/);
});

it('finds one for every call, and for every field of what it takes and answers', () => {
  const ours = readContract(descriptorSet);
  const names = ours.flatMap(({ name, request, response }) => [
    name.replace('/', '.'),
    ...[request, response]
      .filter(({ typeName }) => typeName.startsWith('hop.'))
      .flatMap(({ typeName, fields }) => fields.map((field) => `${typeName}.${field.name}`)),
  ]);
  expect(names.filter((name) => !comments.has(name))).toEqual([]);
});
