import { describe, expect, it } from 'vitest';
import { absentRecord } from '#runtime/shortlink/link-record.ts';
import { nameOf } from '../cached-link.ts';
import { replicaLagMs, resolverFixture, testKey, testRecord, trustMs } from '../testing/resolver-fixture.ts';

const key = nameOf(testKey);

function cached(fixture: ReturnType<typeof resolverFixture>) {
  const entry = fixture.l1.get(key);
  if (!entry) throw new Error('Nothing is cached.');
  return entry;
}

describe('trust', () => {
  it('is long while Watch is live, and ends two seconds after its last heartbeat', () => {
    const fixture = resolverFixture();
    const { l1, now, beat, settle } = fixture;
    settle();
    l1.offer(l1.inquire(key), testRecord(), 'redis');
    now.advance(1_999);
    expect(l1.trusted(cached(fixture), now())).toBe(true);
    now.advance(1);
    expect(l1.trusted(cached(fixture), now())).toBe(false);
    beat();
    expect(l1.trusted(cached(fixture), now())).toBe(true);
    now.advance(trustMs - 2_000);
    beat();
    expect(l1.trusted(cached(fixture), now())).toBe(false);
  });

  it('is short for a row of a store that may lag behind the beginning of the epoch, long for the primary', () => {
    const fixture = resolverFixture();
    const { l1, now, beat } = fixture;
    beat();
    l1.offer(l1.inquire(key), testRecord(), 'replica');
    now.advance(2_000);
    beat();
    expect(l1.trusted(cached(fixture), now())).toBe(false);
    l1.offer(l1.inquire(key), testRecord(), 'primary');
    now.advance(replicaLagMs);
    beat();
    expect(l1.trusted(cached(fixture), now())).toBe(true);
  });

  it('is short for an entry of Redis, while Redis is still owed changes from before the epoch', () => {
    const fixture = resolverFixture();
    const { l1, now, beat } = fixture;
    beat(now() - 10);
    now.advance(replicaLagMs);
    beat(now() - replicaLagMs - 5);
    const asked = l1.inquire(key);
    beat();
    l1.offer(asked, testRecord(), 'redis');
    now.advance(2_000);
    beat();
    expect(l1.trusted(cached(fixture), now())).toBe(false);
    l1.offer(l1.inquire(key), testRecord(), 'redis');
    now.advance(2_000);
    beat();
    expect(l1.trusted(cached(fixture), now())).toBe(true);
  });

  it('is short for what was read before the epoch began', () => {
    const fixture = resolverFixture();
    const { l1, now, beat } = fixture;
    const early = l1.inquire(key);
    now.advance(10);
    beat();
    l1.offer(early, testRecord(), 'primary');
    now.advance(2_000);
    beat();
    expect(l1.trusted(cached(fixture), now())).toBe(false);
  });

  it('counts, for a change, from the time up to which Watch had told: a late one may have been followed by others', () => {
    const fixture = resolverFixture();
    const { l1, now, settle } = fixture;
    settle();
    l1.offer(l1.inquire(key), testRecord({ version: 1n }), 'primary');
    now.advance(1_900);
    l1.apply(testRecord({ version: 2n }), '');
    expect(l1.trusted(cached(fixture), now())).toBe(true);
    now.advance(100);
    expect(l1.trusted(cached(fixture), now())).toBe(false);
    l1.apply(testRecord({ version: 3n }), '');
    expect(cached(fixture).version).toBe(3n);
    expect(l1.trusted(cached(fixture), now())).toBe(false);
    expect(l1.servableStale(cached(fixture), now())).toBe(true);
  });

  it('is lost, but nothing is forgotten, when changes may have been missed', () => {
    const fixture = resolverFixture();
    const { l1, now, freshness, settle, beat } = fixture;
    settle();
    l1.offer(l1.inquire(key), testRecord(), 'primary');
    freshness.gap();
    beat();
    now.advance(2_000);
    beat();
    expect(l1.trusted(cached(fixture), now())).toBe(false);
    expect(l1.servableStale(cached(fixture), now())).toBe(true);
    now.advance(3_600_000);
    expect(l1.servableStale(cached(fixture), now())).toBe(false);
  });
});

describe('versions', () => {
  it('refuses a row older than a change, also where the link is not held', () => {
    const { l1, settle } = resolverFixture();
    settle();
    for (const version of [5n, 3n]) l1.apply(testRecord({ version }), '');
    expect(l1.get(key)).toBeUndefined();
    for (const from of ['redis', 'replica', 'primary'] as const) {
      expect(l1.offer(l1.inquire(key), testRecord({ version: 4n }), from)).toBeUndefined();
    }
    expect(l1.offer(l1.inquire(key), testRecord({ version: 5n }), 'redis')?.version).toBe(5n);
  });

  it('applies changes in any order and again and again', () => {
    const fixture = resolverFixture();
    const { l1, settle } = fixture;
    settle();
    l1.offer(l1.inquire(key), testRecord({ version: 1n }), 'primary');
    for (const version of [3n, 2n, 3n, 1n]) l1.apply(testRecord({ version }), '');
    expect(cached(fixture).version).toBe(3n);
  });

  it('drops the code that a rename left, unless it was taken again since', () => {
    const { l1, settle } = resolverFixture();
    settle();
    l1.offer(l1.inquire(key), testRecord({ version: 1n }), 'primary');
    l1.apply(testRecord({ version: 2n, code: 'new' }), testKey.code);
    expect(l1.get(key)).toBeUndefined();
    expect(l1.offer(l1.inquire(key), testRecord({ version: 1n }), 'redis')).toBeUndefined();
    l1.offer(l1.inquire(key), testRecord({ version: 7n }), 'primary');
    l1.apply(testRecord({ version: 6n, code: 'newer' }), testKey.code);
    expect(l1.get(key)?.version).toBe(7n);
  });

  it('drops a link that was purged, and takes no row of it from before', () => {
    const { l1, settle } = resolverFixture();
    settle();
    l1.offer(l1.inquire(key), testRecord({ version: 1n }), 'primary');
    l1.apply(absentRecord(testKey, 3n), '');
    expect(l1.get(key)).toBeUndefined();
    expect(l1.offer(l1.inquire(key), testRecord({ version: 2n }), 'replica')).toBeUndefined();
    expect(l1.offer(l1.inquire(key), testRecord({ version: 4n }), 'primary')?.version).toBe(4n);
  });

  it('lets the primary alone go back behind what was known before a gap', () => {
    const fixture = resolverFixture();
    const { l1, freshness, settle, beat } = fixture;
    settle();
    l1.offer(l1.inquire(key), testRecord({ version: 5n }), 'primary');
    l1.apply(testRecord({ version: 6n }), '');
    freshness.gap();
    beat();
    expect(l1.offer(l1.inquire(key), testRecord({ version: 4n }), 'redis')).toBeUndefined();
    expect(l1.offer(l1.inquire(key), testRecord({ version: 4n }), 'primary')?.version).toBe(4n);
  });

  it('takes from the primary, after a gap, what a failover made of a version that it knows', () => {
    const { l1, freshness, settle, beat } = resolverFixture();
    settle();
    l1.offer(l1.inquire(key), testRecord({ version: 5n }), 'primary');
    freshness.gap();
    beat();
    l1.offer(l1.inquire(key), testRecord({ version: 5n, destination: 'https://other.example/' }), 'primary');
    expect(l1.get(key)?.location).toBe('https://other.example/');
  });

  it('takes nothing back that Watch has told since the gap, whatever a Redis says that is passed over', () => {
    const { l1, freshness, now, settle, beat } = resolverFixture();
    settle();
    freshness.gap();
    beat(now() - 1);
    l1.apply(testRecord({ version: 6n }), '');
    expect(l1.offerGone(l1.inquire(key), 7n)).toBe(true);
    expect(l1.offer(l1.inquire(key), testRecord({ version: 5n }), 'primary')).toBeUndefined();
    expect(l1.offer(l1.inquire(key), testRecord({ version: 6n }), 'primary')?.version).toBe(6n);
  });

  it('follows what Watch tells of a link that a failover took back to before its rename', () => {
    const fixture = resolverFixture();
    const { l1, now, freshness, settle, beat } = fixture;
    settle();
    l1.apply(testRecord({ version: 190n, code: 'new' }), testKey.code);
    freshness.gap();
    beat();
    l1.offer(l1.inquire(key), testRecord({ version: 90n }), 'primary');
    l1.apply(testRecord({ version: 140n, disabled: true }), '');
    expect([cached(fixture).version, cached(fixture).state]).toEqual([140n, 'disabled']);
    expect(l1.trusted(cached(fixture), now())).toBe(true);
  });

  it('lets go of what is older than a change that is not taken itself', () => {
    const { l1, freshness, settle, beat } = resolverFixture();
    settle();
    l1.apply(testRecord({ version: 190n }), '');
    freshness.gap();
    beat();
    l1.offer(l1.inquire(key), testRecord({ version: 90n }), 'primary');
    freshness.gap();
    beat();
    l1.apply(testRecord({ version: 140n }), '');
    expect(l1.get(key)).toBeUndefined();
    expect(l1.offer(l1.inquire(key), testRecord({ version: 140n }), 'primary')?.version).toBe(140n);
  });

  it('knows when it had to forget a floor before its time', () => {
    const { l1, now } = resolverFixture({ l1: { maxFloors: 2 } });
    for (const code of ['a', 'b', 'c']) l1.apply(testRecord({ code, version: 2n }), '');
    expect(l1.blind('go.example/a')).toBe(true);
    expect(l1.blind('go.example/c')).toBe(false);
    now.advance(600_000);
    expect(l1.blind('go.example/a')).toBe(false);
  });

  it('forgets that a link was made without going blind: an older row of it there is not', () => {
    const { l1 } = resolverFixture({ l1: { maxFloors: 2 } });
    for (const code of ['a', 'b', 'c']) l1.apply(testRecord({ code, version: 2n }), '', true);
    expect(l1.blind('go.example/a')).toBe(false);
    l1.apply(absentRecord({ domain: 'go.example', code: 'b' }, 3n), '');
    l1.apply(testRecord({ code: 'b', version: 4n }), '', true);
    for (const code of ['d', 'e']) l1.apply(testRecord({ code, version: 5n }), '', true);
    expect(l1.blind('go.example/a')).toBe(true);
  });

  it('is not taken back by an old change that is told again after a gap', () => {
    const fixture = resolverFixture();
    const { l1, freshness, settle, beat } = fixture;
    settle();
    l1.offer(l1.inquire(key), testRecord({ version: 5n }), 'primary');
    const early = l1.inquire(key);
    l1.apply(testRecord({ version: 6n }), '');
    freshness.gap();
    beat();
    l1.apply(testRecord({ version: 4n }), '');
    expect(cached(fixture).version).toBe(6n);
    expect(l1.offer(l1.inquire(key), testRecord({ version: 5n }), 'replica')).toBeUndefined();
    expect(l1.offer(early, testRecord({ version: 5n }), 'primary')).toBeUndefined();
  });

  it('gives no link back to a code that it left, by an old change that is told again after a gap', () => {
    const { l1, freshness, settle, beat } = resolverFixture();
    settle();
    l1.apply(testRecord({ version: 6n, code: 'new' }), testKey.code);
    l1.offerAbsence(l1.inquire(key));
    freshness.gap();
    beat();
    l1.apply(testRecord({ version: 4n }), '');
    expect(l1.get(key)).toBeUndefined();
  });
});

describe('absence', () => {
  it('is remembered for a while, while Watch is live, and beaten by any change', () => {
    const { l1, now, settle, beat } = resolverFixture();
    settle();
    expect(l1.offerAbsence(l1.inquire(key))).toBe(true);
    expect(l1.rememberedAbsent(key, now())).toBe(true);
    now.advance(2_000);
    expect(l1.rememberedAbsent(key, now())).toBe(false);
    beat();
    expect(l1.rememberedAbsent(key, now())).toBe(true);
    now.advance(8_000);
    beat();
    expect(l1.rememberedAbsent(key, now())).toBe(false);
    l1.apply(testRecord({ version: 2n }), '');
    expect(l1.rememberedAbsent(key, now())).toBe(false);
    expect(l1.get(key)?.version).toBe(2n);
  });

  it('is not remembered where a change may have been missed since: before Watch began, or in a gap', () => {
    const { l1, now, freshness, beat } = resolverFixture();
    const early = l1.inquire(key);
    now.advance(10);
    beat();
    l1.offerAbsence(early);
    expect(l1.rememberedAbsent(key, now())).toBe(false);
    const inquiry = l1.inquire(key);
    expect(l1.offerAbsence(l1.inquire(key))).toBe(true);
    freshness.gap();
    beat();
    expect(l1.rememberedAbsent(key, now())).toBe(false);
    expect(l1.offerAbsence(inquiry)).toBe(false);
  });

  it('by the word of the primary ends what is cached of a link', () => {
    const { l1, settle } = resolverFixture();
    settle();
    l1.offer(l1.inquire(key), testRecord(), 'primary');
    expect(l1.offerAbsence(l1.inquire(key))).toBe(true);
    expect(l1.get(key)).toBeUndefined();
  });

  it('by the word of Redis is not believed against a later change', () => {
    const { l1, now, settle } = resolverFixture();
    settle();
    l1.apply(testRecord({ version: 6n }), '');
    expect(l1.offerGone(l1.inquire(key), 5n)).toBe(false);
    expect(l1.rememberedAbsent(key, now())).toBe(false);
  });

  it('is not taken where a change came in since the question', () => {
    const { l1, now, settle } = resolverFixture();
    settle();
    const inquiry = l1.inquire(key);
    l1.apply(testRecord({ version: 2n }), '');
    expect(l1.offerAbsence(inquiry)).toBe(false);
    expect(l1.rememberedAbsent(key, now())).toBe(false);
  });

  it('is bounded in number', () => {
    const { l1, now, settle } = resolverFixture({ l1: { maxAbsences: 2 } });
    settle();
    for (const code of ['x/a', 'x/b', 'x/c']) l1.offerAbsence(l1.inquire(code));
    expect(['x/a', 'x/b', 'x/c'].map((code) => l1.rememberedAbsent(code, now()))).toEqual([false, true, true]);
  });
});

it('holds no more than its bytes', () => {
  const { l1 } = resolverFixture({ l1: { maxBytes: 20_000 } });
  for (let number = 0; number < 50; number++) {
    const record = testRecord({ code: `c${number}`, destination: `https://x.example/${'y'.repeat(1_000)}` });
    l1.offer(l1.inquire(nameOf(record)), record, 'primary');
  }
  expect(l1.size).toBeLessThan(10);
  expect(l1.get('go.example/c49')).toBeDefined();
});
