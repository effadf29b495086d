import { describe, expect, it } from 'vitest';
import { resolverFixture, settled, shape, testKey, testRecord } from '../testing/resolver-fixture.ts';

const v = (version: bigint) => testRecord({ version });

describe('when stores are down', () => {
  it('serves what it holds past its trust, and says so', async () => {
    const fixture = resolverFixture();
    fixture.settle();
    fixture.everywhere(v(1n));
    await fixture.resolve();
    for (const store of [fixture.redis, fixture.replica, fixture.primary]) store.down = true;
    fixture.now.advance(2_000);
    expect(shape(await fixture.resolve())).toBe('l1 1 stale');
    fixture.now.advance(3_600_000);
    expect(shape(await fixture.resolve())).toBe('unavailable');
  });

  it('does not know a link that it never held', async () => {
    const fixture = resolverFixture();
    fixture.settle();
    for (const store of [fixture.redis, fixture.replica, fixture.primary]) store.down = true;
    expect(shape(await fixture.resolve())).toBe('unavailable');
  });

  it('believes that there is no link where Redis and a replica agree, and asks again the next time', async () => {
    const fixture = resolverFixture();
    fixture.settle();
    fixture.primary.down = true;
    expect(shape(await fixture.resolve())).toBe('absent by replica');
    expect(shape(await fixture.resolve())).toBe('absent by replica');
    expect(fixture.primary.asked).toBe(2);
    fixture.redis.down = true;
    expect(shape(await fixture.resolve())).toBe('unavailable');
  });

  it('gives up when the budget is spent', async () => {
    const fixture = resolverFixture();
    fixture.settle();
    fixture.redis.onTheWay = () => new Promise(() => {});
    const answer = fixture.resolve();
    await settled();
    fixture.expire('budget');
    expect(shape(await answer)).toBe('unavailable');
  });
});

describe('when a store takes too long', () => {
  function slow(store: 'redis' | 'replica') {
    const fixture = resolverFixture();
    fixture.settle();
    const arrival = Promise.withResolvers<void>();
    fixture[store].onTheWay = () => arrival.promise;
    fixture.put(fixture[store], { record: v(1n) });
    return { fixture, arrival };
  }

  it('asks the next', async () => {
    const { fixture, arrival } = slow('redis');
    fixture.put(fixture.replica, { record: v(1n) });
    const answer = fixture.resolve();
    await settled();
    fixture.expire('redis');
    expect(shape(await answer)).toBe('replica 1');
    arrival.resolve();
  });

  it.each(['redis', 'replica'] as const)('takes what %s says in the end where nobody else knows', async (store) => {
    const { fixture, arrival } = slow(store);
    fixture[store === 'redis' ? 'replica' : 'redis'].down = true;
    fixture.primary.down = true;
    const answer = fixture.resolve();
    await settled();
    fixture.expire(store);
    await settled();
    arrival.resolve();
    expect(shape(await answer)).toBe(`${store} 1`);
  });

  it('does not wait for it beyond the budget, and holds what it says for the next who asks', async () => {
    const { fixture, arrival } = slow('replica');
    fixture.primary.down = true;
    const answer = fixture.resolve();
    await settled();
    fixture.expire('replica');
    await settled();
    fixture.expire('budget');
    expect(shape(await answer)).toBe('unavailable');
    arrival.resolve();
    await settled();
    expect(shape(await fixture.resolve())).toBe('l1 1');
  });
});

it('asks a primary that was given up when nobody else knows, if it is found to be back', async () => {
  const fixture = resolverFixture();
  fixture.settle();
  fixture.put(fixture.primary, { record: v(1n) });
  fixture.primary.down = true;
  fixture.replica.down = true;
  expect(shape(await fixture.resolve())).toBe('unavailable');
  fixture.primary.isBack = async () => {
    fixture.primary.down = false;
    return true;
  };
  expect(shape(await fixture.resolve())).toBe('primary 1');
});

describe('while a primary hangs that has to be asked first', () => {
  function hanging() {
    const fixture = resolverFixture();
    const arrival = Promise.withResolvers<void>();
    fixture.primary.onTheWay = () => arrival.promise;
    return { fixture, arrival };
  }

  it('asks the others beside it, and waits for nobody when its time is over', async () => {
    const { fixture, arrival } = hanging();
    fixture.put(fixture.replica, { record: v(1n) });
    const answer = fixture.resolve();
    await settled();
    expect([fixture.redis.asked, fixture.replica.asked]).toEqual([0, 0]);
    fixture.expire('hedge');
    await settled();
    expect([fixture.redis.asked, fixture.replica.asked]).toEqual([1, 1]);
    fixture.expire('primary');
    expect(shape(await answer)).toBe('replica 1');
    expect([fixture.redis.asked, fixture.replica.asked]).toEqual([1, 1]);
    arrival.resolve();
  });

  it('believes it alone, and holds nothing else, when it answers in its time', async () => {
    const { fixture, arrival } = hanging();
    fixture.everywhere(v(1n));
    fixture.put(fixture.primary, { record: v(2n) });
    const answer = fixture.resolve();
    await settled();
    fixture.expire('hedge');
    await settled();
    expect(fixture.resolver.atHand(testKey)).toBeUndefined();
    arrival.resolve();
    expect(shape(await answer)).toBe('primary 2');
  });

  it('does not count the time that an answer waited as time in which it was new', async () => {
    const { fixture, arrival } = hanging();
    fixture.put(fixture.redis, { record: v(1n) });
    const answer = fixture.resolve();
    await settled();
    fixture.expire('hedge');
    await settled();
    fixture.now.advance(100);
    fixture.expire('primary');
    expect(shape(await answer)).toBe('redis 1');
    fixture.now.advance(1_899);
    expect(fixture.resolver.atHand(testKey)?.version).toBe(1n);
    fixture.now.advance(1);
    expect(fixture.resolver.atHand(testKey)).toBeUndefined();
    arrival.resolve();
  });

  it('asks the replica beside it too where Redis has already said that it has nothing', async () => {
    const { fixture, arrival } = hanging();
    fixture.beat();
    fixture.put(fixture.replica, { record: v(1n) });
    const answer = fixture.resolve();
    await settled();
    fixture.expire('hedge');
    await settled();
    fixture.expire('primary');
    expect(shape(await answer)).toBe('replica 1');
    expect(fixture.redis.asked).toBe(1);
    arrival.resolve();
  });

  it('does not serve what it said too late, where Watch has told since that the link is gone from there', async () => {
    const { fixture, arrival } = hanging();
    fixture.put(fixture.primary, { record: v(1n) });
    const cached = Promise.withResolvers<void>();
    fixture.redis.onTheWay = () => cached.promise;
    const answer = fixture.resolve();
    await settled();
    fixture.expire('primary');
    await settled();
    expect(fixture.redis.asked).toBe(1);
    arrival.resolve();
    await settled();
    expect(fixture.l1.get('go.example/offer')?.version).toBe(1n);
    fixture.l1.apply(testRecord({ version: 2n, code: 'elsewhere' }), testKey.code);
    cached.resolve();
    expect(shape(await answer)).toBe('unavailable');
  });
});
