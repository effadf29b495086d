import { describe, expect, it } from 'vitest';
import { absentRecord } from '#runtime/shortlink/link-record.ts';
import { replicaLagMs, resolverFixture, settled, shape, testKey, testRecord } from '../testing/resolver-fixture.ts';
import type { Found } from '../tiers/tier.ts';

const v = (version: bigint) => testRecord({ version });

/** A link that was held here has got another code, and Watch has told so. Redis and the replica have it under the old one. */
async function renamed(): Promise<ReturnType<typeof resolverFixture>> {
  const fixture = resolverFixture();
  fixture.settle();
  fixture.everywhere(v(1n));
  await fixture.resolve();
  fixture.l1.apply(testRecord({ version: 2n, code: 'elsewhere' }), testKey.code);
  fixture.primary.rows.clear();
  return fixture;
}

describe('the walk while Watch is live', () => {
  it('stops at the first store that has the link, and holds it', async () => {
    const fixture = resolverFixture();
    fixture.settle();
    fixture.everywhere(v(1n));
    expect(fixture.resolver.atHand(testKey)).toBeUndefined();
    expect(shape(await fixture.resolve())).toBe('redis 1');
    expect([fixture.replica.asked, fixture.primary.asked]).toEqual([0, 0]);
    expect(fixture.resolver.atHand(testKey)?.version).toBe(1n);
    expect(shape(await fixture.resolve())).toBe('l1 1');
    expect(fixture.redis.asked).toBe(1);
  });

  it('passes Redis over until it has what was changed before Watch began', async () => {
    const fixture = resolverFixture();
    fixture.beat(fixture.now() - 1);
    fixture.put(fixture.redis, { record: v(4n) });
    fixture.put(fixture.primary, { record: v(5n) });
    expect(shape(await fixture.resolve())).toBe('primary 5');
    expect(fixture.redis.asked).toBe(0);
    const later = resolverFixture();
    later.beat(later.now() - 1);
    later.beat();
    later.everywhere(v(5n));
    expect(shape(await later.resolve())).toBe('redis 5');
  });

  it('asks the Redis that it passes over when nobody else answers, as after a failover', async () => {
    const fixture = resolverFixture();
    fixture.beat(fixture.now() - 1);
    fixture.put(fixture.redis, { record: v(4n) });
    for (const store of [fixture.replica, fixture.primary]) store.down = true;
    expect(shape(await fixture.resolve())).toBe('redis 4');
    const behind = resolverFixture();
    behind.settle();
    behind.beat(behind.now() - replicaLagMs);
    behind.put(behind.redis, { record: v(4n) });
    for (const store of [behind.replica, behind.primary]) store.down = true;
    expect(shape(await behind.resolve())).toBe('redis 4');
  });

  it.each<readonly [string, Found]>([
    ['an edit', { record: v(5n) }],
    ['a rename', { goneAt: 5n }],
  ])('believes the primary again once it answers, where Redis had %s that the failover lost', async (_, lost) => {
    const fixture = resolverFixture();
    fixture.settle();
    fixture.freshness.gap();
    fixture.beat(fixture.now() - 1);
    fixture.put(fixture.redis, lost);
    for (const store of [fixture.replica, fixture.primary]) store.down = true;
    await fixture.resolve();
    fixture.redis.rows.clear();
    fixture.put(fixture.primary, { record: v(4n) });
    fixture.primary.down = false;
    fixture.now.advance(2_000);
    fixture.beat();
    expect(shape(await fixture.resolve())).toBe('primary 4');
    expect(shape(await fixture.resolve())).toBe('l1 4');
  });

  it('does not take the word of a Redis that it passes over, and of a replica, that there is no link', async () => {
    const fixture = resolverFixture();
    fixture.beat(fixture.now() - 1);
    fixture.primary.down = true;
    expect(shape(await fixture.resolve())).toBe('unavailable');
    expect([fixture.redis.asked, fixture.replica.asked]).toEqual([1, 1]);
  });

  it('asks a replica, and fills Redis from it, once the replica cannot be behind unnoticed', async () => {
    const fixture = resolverFixture();
    fixture.beat();
    fixture.put(fixture.replica, { record: v(1n) });
    expect(shape(await fixture.resolve())).toBe('absent by primary');
    expect([fixture.replica.asked, fixture.fills]).toEqual([0, []]);
    fixture.settle();
    fixture.now.advance(10_000);
    fixture.beat();
    expect(shape(await fixture.resolve())).toBe('replica 1');
    expect(fixture.fills).toEqual([v(1n)]);
  });

  it('reads an old row again from the primary, and gives the new one to Redis', async () => {
    for (const old of ['redis', 'replica'] as const) {
      const fixture = resolverFixture();
      fixture.settle();
      fixture.l1.apply(v(5n), '');
      fixture.put(fixture[old], { record: v(4n) });
      fixture.put(fixture.primary, { record: v(5n) });
      expect(shape(await fixture.resolve())).toBe('primary 5');
      expect(fixture.fills).toEqual([v(5n)]);
    }
  });

  it('asks the primary again where a change overtook its answer', async () => {
    const fixture = resolverFixture({ replica: false });
    fixture.settle();
    fixture.put(fixture.primary, { record: v(4n) });
    fixture.primary.onTheWay = () => {
      fixture.primary.onTheWay = undefined;
      fixture.put(fixture.primary, { record: v(5n) });
      fixture.l1.apply(v(5n), '');
    };
    expect(shape(await fixture.resolve())).toBe('primary 5');
  });

  it('asks the primary alone where it had to forget what changed: an older row could not be told from the newest', async () => {
    const fixture = resolverFixture({ l1: { maxFloors: 2 } });
    fixture.settle();
    for (const code of [testKey.code, 'b', 'c']) fixture.l1.apply(testRecord({ code, version: 2n }), '');
    fixture.everywhere(v(1n));
    fixture.put(fixture.primary, { record: v(2n) });
    expect(shape(await fixture.resolve())).toBe('primary 2');
  });

  it('takes no more than so many questions at once, and answers the next one by what it holds', async () => {
    const fixture = resolverFixture();
    fixture.settle();
    fixture.everywhere(v(1n));
    await fixture.resolve();
    fixture.now.advance(2_000);
    fixture.redis.onTheWay = () => new Promise(() => {});
    fixture.primary.onTheWay = fixture.redis.onTheWay;
    const others = Array.from({ length: 100 }, (_, number) => ({ ...testKey, code: `other-${number}` }));
    for (const other of others) void fixture.resolver.resolve(other);
    expect(shape(await fixture.resolve())).toBe('l1 1 stale');
    expect(shape(await fixture.resolver.resolve({ ...testKey, code: 'one-more' }))).toBe('unavailable');
  });

  it('asks one question for all who ask at once', async () => {
    const fixture = resolverFixture();
    fixture.settle();
    fixture.everywhere(v(1n));
    const answers = await Promise.all(Array.from({ length: 20 }, () => fixture.resolve()));
    expect(new Set(answers.map(shape))).toEqual(new Set(['redis 1']));
    expect(fixture.redis.asked).toBe(1);
  });

  it('goes on without Redis, without the replica, and without both', async () => {
    const fixture = resolverFixture();
    fixture.settle();
    fixture.everywhere(v(1n));
    fixture.redis.down = true;
    expect(shape(await fixture.resolve())).toBe('replica 1');
    fixture.l1.apply(absentRecord(testKey, 1n), '');
    fixture.everywhere(v(2n));
    fixture.replica.down = true;
    expect(shape(await fixture.resolve())).toBe('primary 2');
  });

  it('refuses a made-up code without asking anybody', async () => {
    const fixture = resolverFixture({ mayExist: () => false });
    fixture.settle();
    expect(shape(await fixture.resolve())).toBe('absent by filter');
    expect([fixture.redis.asked, fixture.replica.asked, fixture.primary.asked]).toEqual([0, 0, 0]);
  });
});

describe('while Watch is silent', () => {
  it('asks the primary first: Redis and the replica may be late', async () => {
    const fixture = resolverFixture();
    fixture.everywhere(v(1n));
    fixture.put(fixture.primary, { record: v(2n) });
    expect(shape(await fixture.resolve())).toBe('primary 2');
    fixture.now.advance(1_999);
    expect(shape(await fixture.resolve())).toBe('l1 2');
    fixture.now.advance(1);
    expect(shape(await fixture.resolve())).toBe('primary 2');
  });

  it('takes what the others have while the primary is down, and gives Redis no row that may be old', async () => {
    const fixture = resolverFixture();
    fixture.everywhere(v(1n));
    fixture.primary.down = true;
    expect(shape(await fixture.resolve())).toBe('redis 1');
    const bare = resolverFixture();
    bare.put(bare.replica, { record: v(1n) });
    bare.primary.down = true;
    expect([shape(await bare.resolve()), bare.fills]).toEqual(['replica 1', []]);
  });

  it('refuses nothing by the filter', async () => {
    const fixture = resolverFixture({ mayExist: () => false });
    fixture.everywhere(v(1n));
    expect(shape(await fixture.resolve())).toBe('primary 1');
  });
});

describe('a link is followable as soon as its creation is answered', () => {
  /** The link service has committed and written Redis; replicas and Watch do not know yet. */
  function createLink(fixture: ReturnType<typeof resolverFixture>): void {
    fixture.put(fixture.primary, { record: v(1n) });
    fixture.put(fixture.redis, { record: v(1n) });
  }

  it('although its absence is remembered', async () => {
    const fixture = resolverFixture();
    fixture.settle();
    expect(shape(await fixture.resolve())).toBe('absent by primary');
    expect(shape(await fixture.resolve())).toBe('absent by l1');
    expect(fixture.primary.asked).toBe(1);
    createLink(fixture);
    expect(shape(await fixture.resolve())).toBe('redis 1');
  });

  it('although its absence is remembered and Redis has just died', async () => {
    const fixture = resolverFixture();
    fixture.settle();
    await fixture.resolve();
    createLink(fixture);
    fixture.redis.down = true;
    expect(shape(await fixture.resolve())).toBe('primary 1');
  });

  it('although its absence is remembered, and Watch tells of it while Redis says that it has nothing', async () => {
    const fixture = resolverFixture();
    fixture.settle();
    await fixture.resolve();
    fixture.redis.onTheWay = () => {
      fixture.put(fixture.primary, { record: v(1n) });
      fixture.l1.apply(v(1n), '');
    };
    expect(shape(await fixture.resolve())).toBe('primary 1');
  });

  it('although a question from before it is still under way', async () => {
    const fixture = resolverFixture();
    fixture.settle();
    const arrival = Promise.withResolvers<void>();
    fixture.primary.onTheWay = () => arrival.promise;
    const early = fixture.resolve();
    await settled();
    createLink(fixture);
    const late = fixture.resolve();
    arrival.resolve();
    expect(shape(await early)).toBe('absent by primary');
    expect(shape(await late)).toBe('redis 1');
  });

  it('although the code belonged to a link that is remembered as deleted', async () => {
    const fixture = resolverFixture();
    fixture.settle();
    const deleted = testRecord({
      version: 1n,
      deletedAt: { $typeName: 'google.protobuf.Timestamp', seconds: 1n, nanos: 0 },
    });
    fixture.everywhere(deleted);
    expect(shape(await fixture.resolve())).toBe('redis 1');
    fixture.put(fixture.redis, { record: v(2n) });
    expect(shape(await fixture.resolve())).toBe('redis 2');
  });

  it('although a rename has taken the code away before', async () => {
    const fixture = await renamed();
    fixture.put(fixture.redis, { goneAt: 2n });
    expect(shape(await fixture.resolve())).toBe('absent by redis');
    fixture.put(fixture.redis, { record: v(3n) });
    expect(shape(await fixture.resolve())).toBe('redis 3');
  });
});

it('takes a row of Redis from before a rename for what it is', async () => {
  const fixture = await renamed();
  expect(shape(await fixture.resolve())).toBe('absent by primary');
});
