import { randomUUID } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import { expect, onTestFinished, test } from 'vitest';
import { type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { LinkService, type LookupLinksRequest } from '#gen/link/v1/link_service_pb.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { meshClient } from '#runtime/rpc/client.ts';
import { service } from '#runtime/rpc/serve.ts';
import { testKeys } from '#runtime/testing/keys.ts';
import { startTestServer } from '#runtime/testing/test-server.ts';
import { createSubscription } from './live-subscription.ts';
import { createWatchStreams } from './watch-streams.ts';

const keys = testKeys();
const workspaceId = randomUUID();
const person = { userId: randomUUID(), workspaceId, credentialId: randomUUID() } as PersonCaller;
const none = async (): Promise<never> => {
  throw new Error('Nobody asks for this.');
};

test('streams of more links than can be asked about at once end with their links', async () => {
  const linked: LinkRecord[] = Array.from({ length: 1_001 }, (_, n) =>
    create(LinkRecordSchema, { id: randomUUID(), workspaceId, domain: 'localhost', code: `c${n}` }),
  );
  const gone = new Set([linked[0], linked[1_000]]);
  const others = Object.fromEntries(LinkService.methods.map(({ localName }) => [localName, none]));
  const handlers = {
    ...others,
    lookupLinks: ({ names }: LookupLinksRequest) => {
      const asked = new Set(names.map(({ code }) => code));
      return { records: linked.filter((link) => asked.has(link.code) && !gone.has(link)) };
    },
  } as unknown as ServiceImpl<typeof LinkService>;
  const linkServer = await startTestServer({ keys, services: [service(LinkService, handlers)] });
  onTestFinished(() => linkServer.stop());
  const streams = createWatchStreams({
    feed: { subscribe: async (linkId) => createSubscription(linkId, 10, () => {}), stop: async () => {} },
    workspaces: { subscribe: none, stop: async () => {} },
    links: meshClient(LinkService, { addresses: [linkServer.address], issuer: keys.identity('analytics') }),
    revocations: { has: () => false, mayHaveForgotten: () => false },
    ...{ streams: 2_000, streamsPerCaller: 2_000, lifetimeMs: 20_000, checkMs: 20 },
  });
  const stopping = new AbortController();
  const events = linked.map((link) => streams.watch(person, link, stopping.signal));
  for (const of of events) expect(await of.next()).toMatchObject({ value: { type: 'heartbeat' } });
  const second = events.map((of) => of.next());
  const ends = Promise.allSettled(second);
  for (const n of [0, 1_000]) await expect(second[n]).rejects.toMatchObject({ reason: 'LINK_NOT_FOUND' });
  stopping.abort();
  streams.stop();
  expect((await ends).filter(({ status }) => status === 'rejected')).not.toHaveLength(0);
});

test('a stream ends with the API key that it was opened with', async () => {
  const streams = createWatchStreams({
    feed: { subscribe: async (linkId) => createSubscription(linkId, 10, () => {}), stop: async () => {} },
    workspaces: { subscribe: none, stop: async () => {} },
    links: { lookupLinks: none },
    revocations: { has: () => false, mayHaveForgotten: () => false },
    ...{ streams: 10, streamsPerCaller: 10, lifetimeMs: 20_000, checkMs: 20 },
  });
  onTestFinished(() => streams.stop());
  const stopping = new AbortController();
  onTestFinished(() => stopping.abort());
  const link = create(LinkRecordSchema, { id: randomUUID(), workspaceId, domain: 'localhost', code: 'c' });
  const [ended, going] = [Date.now() - 1, Date.now() + 60_000].map((credentialEndsAtMs) =>
    streams.watch({ ...person, kind: 'api_key', credentialEndsAtMs }, link, stopping.signal),
  );
  for (const stream of [ended, going]) expect(await stream?.next()).toMatchObject({ value: { type: 'heartbeat' } });
  const next = going?.next().catch((error: Error) => error.message);
  await expect(ended?.next()).rejects.toMatchObject({ reason: 'CREDENTIALS_EXPIRED' });
  stopping.abort();
  expect(await next).toBe('The subscription is closed.');
});

test('a stream ends when it may be forgotten that its credentials were revoked since it was opened', async () => {
  let forgets = false;
  const streams = createWatchStreams({
    feed: { subscribe: async (linkId) => createSubscription(linkId, 10, () => {}), stop: async () => {} },
    workspaces: { subscribe: none, stop: async () => {} },
    links: { lookupLinks: none },
    revocations: { has: () => false, mayHaveForgotten: () => forgets },
    ...{ streams: 10, streamsPerCaller: 10, lifetimeMs: 20_000, checkMs: 20 },
  });
  onTestFinished(() => streams.stop());
  const link = create(LinkRecordSchema, { id: randomUUID(), workspaceId, domain: 'localhost', code: 'c' });
  const stream = streams.watch(person, link, new AbortController().signal);
  expect(await stream.next()).toMatchObject({ value: { type: 'heartbeat' } });
  forgets = true;
  await expect(stream.next()).rejects.toMatchObject({ reason: 'CREDENTIALS_EXPIRED' });
});
