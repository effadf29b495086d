// What has to be done for every field of a request, whether or not somebody thought of it when the field was added.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { FieldMaskSchema, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { CreateLinkRequestSchema, LinkPatchSchema, ListLinksRequestSchema } from '#gen/link/v1/link_service_pb.ts';
import { HopError } from '#runtime/errors/errors.ts';
import { requestCheck } from '#runtime/rpc/validation.ts';
import { createDomains } from '#runtime/shortlink/link-key.ts';
import { testPerson } from '#runtime/testing/keys.ts';
import { checkCreate, checkPatch } from './requests.ts';

const rules = {
  domains: createDomains({ domains: ['hop.example', 'go.example'] }),
  destinations: { isOwnHost: () => false, allowPrivate: false },
};
const longUrl = 'https://example.com/';

/** One request for each field, which differs from the plain one in that field alone. */
const requests: Readonly<Record<string, MessageInitShape<typeof CreateLinkRequestSchema>>> = {
  long_url: { longUrl: `${longUrl}other` },
  original_url: { originalUrl: `${longUrl}other` },
  alias: { longUrl, alias: 'spring' },
  ttl: { longUrl, ttl: 60 },
  expires_at: { longUrl, expiresAt: timestampFromMs(4_000_000_000_000) },
  domain: { longUrl, domain: 'go.example' },
  title: { longUrl, title: 'T' },
  tags: { longUrl, tags: ['a'] },
  redirect_status: { longUrl, redirectStatus: 301 },
  max_clicks: { longUrl, maxClicks: 5 },
};

test('a create that differs in any field is another one to its Idempotency-Key', () => {
  const person = testPerson();
  const asked = (request: MessageInitShape<typeof CreateLinkRequestSchema>) =>
    checkCreate(create(CreateLinkRequestSchema, request), person, rules).asked;
  expect(Object.keys(requests).sort()).toEqual(CreateLinkRequestSchema.fields.map(({ name }) => name).sort());
  for (const [field, request] of Object.entries(requests))
    expect(asked(request), field).not.toEqual(asked({ longUrl }));
});

/** What is wrong with a mask of this field alone. */
function faultsOf(path: string): string {
  try {
    checkPatch(undefined, create(FieldMaskSchema, { paths: [path] }), rules);
    return '';
  } catch (error) {
    if (!(error instanceof HopError)) throw error;
    return error.violations.map(({ description }) => description).join();
  }
}

test('update_mask may name every field of a patch', () => {
  const unknown = 'is no field that can be changed';
  expect(faultsOf('other')).toContain(unknown);
  for (const { name } of LinkPatchSchema.fields)
    if (name !== 'etag') expect(faultsOf(name), name).not.toContain(unknown);
});

test('a list by a tag that is longer than any is refused: composing 80,000 accents with a letter takes seconds', () => {
  const check = (tag: string): void => requestCheck(ListLinksRequestSchema)?.(create(ListLinksRequestSchema, { tag }));
  check(`a${'\u0301'.repeat(255)}`);
  expect(() => check(`a${'\u0301'.repeat(256)}`)).toThrow(HopError);
});
