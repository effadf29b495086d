import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { failing, refusal, scripted } from '../testing/scripted.ts';
import { createHopline } from './node.ts';

const lost = () => refusal(Code.Unavailable);

describe('a call whose answer was lost', () => {
  it('is repeated where the contract says that it changes nothing', async () => {
    const get = failing([lost(), lost()], { code: 'spring' });
    const { hop, world } = scripted({ links: { getLink: get.handler } });
    expect((await hop.links.getLink({ code: 'spring' })).code).toBe('spring');
    expect(world.slept).toEqual([200, 400]);
  });

  it('is repeated where it makes a link, under one key', async () => {
    const make = failing([lost(), refusal(Code.AlreadyExists, 'IDEMPOTENCY_IN_PROGRESS')], { code: 'a' });
    const { hop } = scripted({ links: { createLink: make.handler } });
    await hop.links.createLink({ longUrl: 'https://example.org' });
    const keys = make.contexts.map(({ requestHeader }) => requestHeader.get('idempotency-key'));
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
  });

  it('is not repeated where it may have done its work', async () => {
    const remove = failing([lost()], {});
    const { hop } = scripted({ links: { deleteLink: remove.handler } });
    await expect(hop.links.deleteLink({ code: 'spring' })).rejects.toMatchObject({ code: Code.Unavailable });
    expect(remove.contexts).toHaveLength(1);
  });

  it('is repeated three times at most', async () => {
    const get = failing([lost(), lost(), lost(), lost(), lost()], {});
    const { hop } = scripted({ links: { getLink: get.handler } });
    await expect(hop.links.getLink({ code: 'spring' })).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' });
    expect(get.contexts).toHaveLength(4);
  });
});

it('keeps the key that the caller gave', async () => {
  const make = failing([], {});
  const { hop } = scripted({ links: { createLink: make.handler } });
  await hop.links.createLink({ longUrl: 'https://example.org' }, { headers: { 'Idempotency-Key': 'import-1' } });
  expect(make.contexts[0]?.requestHeader.get('idempotency-key')).toBe('import-1');
});

describe('a call that was refused before any work', () => {
  it('is repeated whatever it does, after the time that the installation names', async () => {
    const remove = failing([refusal(Code.ResourceExhausted, 'RATE_LIMITED', 2_000)], {});
    const { hop, world } = scripted({ links: { deleteLink: remove.handler } });
    await hop.links.deleteLink({ code: 'spring' });
    expect(world.slept).toEqual([2_200]);
  });

  it('fails at once when that time is past its deadline', async () => {
    const get = failing([refusal(Code.Unavailable, 'OVERLOADED', 30_000)], {});
    const { hop, world } = scripted({ links: { getLink: get.handler } });
    await expect(hop.links.getLink({ code: 'spring' })).rejects.toMatchObject({
      reason: 'OVERLOADED',
      retryAfterMs: 30_000,
    });
    expect(world.slept).toEqual([]);
  });
});

it('repeats no more than a share of the calls, once ten are spent', async () => {
  const get = failing(
    Array.from({ length: 100 }, () => lost()),
    {},
  );
  const { hop } = scripted({ links: { getLink: get.handler } });
  for (let call = 0; call < 20; call++) await hop.links.getLink({ code: 'spring' }).catch(() => {});
  expect(get.contexts).toHaveLength(30);
});

it('does not wait for the next try of a call that was stopped', async () => {
  const stop = new AbortController();
  const { hop } = scripted({
    links: {
      getLink: () => {
        stop.abort();
        throw lost();
      },
    },
  });
  await expect(hop.links.getLink({ code: 'spring' }, { signal: stop.signal })).rejects.toMatchObject({
    name: 'HoplineError',
  });
});

describe('what cannot be sent', () => {
  const request = { longUrl: 'https://example.org' };

  it('is no fault of the network: a header', async () => {
    const { hop } = scripted({ links: { createLink: failing([], {}).handler } });
    await expect(hop.links.createLink(request, { headers: { 'idempotency-key': 'ключ' } })).rejects.toMatchObject({
      name: 'HoplineError',
      reason: 'INVALID_ARGUMENT',
    });
  });

  it('is no fault of the network: a key', async () => {
    const { hop } = scripted({ links: { createLink: failing([], {}).handler } }, { apiKey: 'hop_ключ' });
    await expect(hop.links.createLink(request)).rejects.toMatchObject({ reason: 'CREDENTIALS_INVALID' });
  });

  it('is no fault of the network: a session that cannot be read', async () => {
    const session = {
      read: () => {
        throw new TypeError('The store is broken.');
      },
      write: () => {},
    };
    const { hop, world } = scripted({ links: { createLink: failing([], {}).handler } }, { session });
    await expect(hop.links.createLink(request)).rejects.toMatchObject({
      reason: 'INTERNAL',
      message: 'The store is broken.',
    });
    expect(world.slept).toEqual([]);
  });

  it('is told when the client is made: an address', () => {
    for (const url of ['hop.example.org', 'ftp://hop.example.org', 'http://'])
      expect(() => createHopline({ url })).toThrow('it begins with https:// or http://');
  });
});
