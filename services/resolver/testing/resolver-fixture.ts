import { create } from '@bufbuild/protobuf';
import { type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { createL1, type L1Options } from '../l1/l1.ts';
import type { Answer } from '../resolve/answer.ts';
import type { CodeFilter } from '../resolve/l1-answers.ts';
import { createResolver } from '../resolve/resolve.ts';
import type { Found, RedisTier, Tier } from '../tiers/tier.ts';
import { createFreshness } from '../watch/freshness.ts';

/** For the tests of this folder: everything of the resolver but its stores, by a clock that the test moves. */
export interface FixtureClock {
  (): number;
  advance(ms: number): void;
}

export function testClock(start = 1_000_000): FixtureClock {
  let time = start;
  return Object.assign(() => time, {
    advance(ms: number) {
      time += ms;
    },
  });
}

export const testKey: LinkKey = { domain: 'go.example', code: 'offer' };

export function testRecord(fields: Partial<Omit<LinkRecord, '$typeName' | '$unknown'>> = {}): LinkRecord {
  return create(LinkRecordSchema, {
    id: '018f0000-0000-7000-8000-000000000001',
    workspaceId: '018f0000-0000-7000-8000-0000000000aa',
    createdBy: '018f0000-0000-7000-8000-0000000000bb',
    ...testKey,
    version: 1n,
    destination: 'https://destination.example/a?b=c',
    redirectStatus: 302,
    ...fields,
  });
}

/** A store that a test writes into; `down` makes it fail, `hold` lets answers wait for a word of the test. */
export interface ScriptedStore {
  readonly rows: Map<string, Found>;
  asked: number;
  down: boolean;
  /** Runs between a row's reading and its arrival. */
  onTheWay: (() => Promise<void> | void) | undefined;
}

function scriptedTier<Name extends Tier['name']>(name: Name): Tier & ScriptedStore & { readonly name: Name } {
  const tier = {
    name,
    rows: new Map<string, Found>(),
    asked: 0,
    down: false,
    onTheWay: undefined as ScriptedStore['onTheWay'],
    async find({ domain, code }: LinkKey): Promise<Found> {
      tier.asked++;
      if (tier.down) throw new Error(`${name} is down.`);
      const found = tier.rows.get(`${domain}/${code}`);
      await tier.onTheWay?.();
      return found;
    },
  };
  return tier;
}

export interface FixtureOptions {
  readonly l1?: Partial<L1Options>;
  readonly mayExist?: CodeFilter;
  readonly replica?: boolean;
}

/** In milliseconds; hedge: how long a primary that comes first is waited for before the others are asked beside it. */
export const testLimits = { budget: 200, redis: 40, replica: 80, primary: 120, hedge: 30 } as const;
const lapseMs = 2_000;
export const trustMs = 600_000;
export const replicaLagMs = 60_000;

export function resolverFixture(options: FixtureOptions = {}) {
  const now = testClock();
  const freshness = createFreshness({ now, lapseMs, replicaLagMs });
  const bounds = { maxEntries: 1_000, maxBytes: 10_000_000, absenceMs: 10_000, maxAbsences: 100 };
  const times = { trustMs, lapseMs, staleMs: 3_600_000, floorMs: 600_000, maxFloors: 1_000 };
  const l1 = createL1({ now, freshness, ...bounds, ...times, random: () => 1, ...options.l1 });
  const fills: LinkRecord[] = [];
  const redis: RedisTier & ScriptedStore = Object.assign(scriptedTier('redis'), {
    fill: (record: LinkRecord) => void fills.push(record),
  });
  const replica = scriptedTier('replica');
  // Given up, as behind a breaker, until it is found to be back.
  const primary = Object.assign(scriptedTier('primary'), { back: false, isBack: async () => primary.back });
  const expiries = new Map<() => void, number>();
  const resolver = createResolver({
    l1,
    freshness,
    redis,
    replica: options.replica === false ? undefined : replica,
    primary,
    mayExist: options.mayExist ?? (() => true),
    now,
    timer: (ms) => {
      const { promise: done, resolve } = Promise.withResolvers<void>();
      expiries.set(resolve, ms);
      return { done, cancel: () => void expiries.delete(resolve) };
    },
    budgetMs: testLimits.budget,
    patienceMs: testLimits,
    maxFlights: 100,
  });
  const name = `${testKey.domain}/${testKey.code}`;
  let streamOf: number | undefined;
  /** A heartbeat that was not held up; before the first one of an epoch a stream is opened, and has its own first one. */
  const beat = (cachedUntilMs = now()): boolean => {
    if (streamOf !== freshness.epoch) {
      streamOf = freshness.epoch;
      freshness.connected();
      freshness.heartbeat(now(), cachedUntilMs);
    }
    return freshness.heartbeat(now(), cachedUntilMs);
  };
  return {
    now,
    freshness,
    l1,
    redis,
    replica,
    primary,
    fills,
    resolver,
    resolve: () => resolver.resolve(testKey),
    beat,
    /** Watch has been live for so long that no replica is behind. */
    settle() {
      beat();
      now.advance(replicaLagMs);
      beat();
    },
    /** Lets the time run out of every question, or every wait for a store, that is under way. */
    expire(what: keyof typeof testLimits) {
      for (const [end, ms] of expiries) if (ms === testLimits[what]) end();
    },
    put(store: ScriptedStore, found: Found) {
      store.rows.set(name, found);
    },
    everywhere(record: LinkRecord) {
      for (const store of [redis, replica, primary]) store.rows.set(name, { record });
    },
  };
}

/** An answer in a few words: who gave it, and which version of a link. */
export function shape(answer: Answer) {
  if (answer.kind === 'link') return `${answer.tier} ${answer.link.version}${answer.stale ? ' stale' : ''}`;
  return answer.kind === 'absent' ? `absent by ${answer.tier}` : 'unavailable';
}

/** Lets everything run that waits for nothing. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));
