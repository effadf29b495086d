import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { LinkSchema } from '#gen/link/v1/link_pb.ts';
import { areOnSeveralDomains } from './use-links.ts';

it('links are told apart by their domains where they have several', () => {
  const on = (...domains: readonly string[]) =>
    areOnSeveralDomains(domains.map((domain) => create(LinkSchema, { domain, code: 'spring' })));
  expect([on(), on('a.example'), on('a.example', 'a.example')]).toEqual([false, false, false]);
  expect(on('a.example', 'a.example', 'b.example')).toBe(true);
});
