import fc from 'fast-check';
import { expect, it } from 'vitest';
import { resolverFixture, type ScriptedStore, testKey, testRecord } from '../testing/resolver-fixture.ts';
import type { Found } from '../tiers/tier.ts';
import type { Answer } from './answer.ts';

type Fixture = ReturnType<typeof resolverFixture>;

/** One state of the code, as the primary had it at a version; renamed: the link went to another code. */
type State = { readonly version: bigint; readonly found: Found };

const otherCode = 'elsewhere';
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A mesh around one resolver, in which everything arrives when the test says. */
class World {
  readonly fixture: Fixture = resolverFixture();
  readonly history: State[] = [{ version: 0n, found: undefined }];
  readonly undelivered: State[] = [];
  readonly onTheirWay: (() => void)[] = [];
  readonly questions: Promise<void>[] = [];
  readonly faults: string[] = [];
  replicaAt = 0;
  /** The greatest version that Watch has told, since the last failover. */
  told = 0n;
  /** Since when (an index of history) a link was there, in Redis before its creation was answered; -1: it is not. */
  thereSince = -1;
  failovers = 0;

  constructor() {
    const { redis, replica, primary } = this.fixture;
    for (const store of [redis, replica, primary]) {
      store.onTheWay = () => new Promise<void>((resolve) => void this.onTheirWay.push(resolve));
    }
  }

  get latest(): State {
    return this.history.at(-1) as State;
  }

  change(what: 'edit' | 'rename'): void {
    const version = this.latest.version + 1n;
    const gone = what === 'rename' && this.latest.found !== undefined;
    const state: State = { version, found: gone ? undefined : { record: testRecord({ version }) } };
    this.history.push(state);
    this.undelivered.push(state);
    this.fixture.put(this.fixture.primary, state.found);
    this.writeThrough(state);
    if (gone) this.thereSince = -1;
    else if (this.thereSince < 0) this.thereSince = this.history.length - 1;
  }

  writeThrough(state: State): void {
    const { redis } = this.fixture;
    const held = redis.rows.get(`${testKey.domain}/${testKey.code}`);
    const heldVersion = held === undefined ? -1n : 'goneAt' in held ? held.goneAt : held.record.version;
    if (state.version === 0n || heldVersion >= state.version) return;
    this.fixture.put(redis, state.found ?? { goneAt: state.version });
  }

  deliver(state: State | undefined): void {
    if (!state || state.version === 0n) return;
    const at = this.undelivered.indexOf(state);
    if (at >= 0) this.undelivered.splice(at, 1);
    const { l1 } = this.fixture;
    if (state.found && 'record' in state.found) l1.apply(state.found.record, '');
    else l1.apply(testRecord({ version: state.version, code: otherCode }), testKey.code);
    if (state.version > this.told) this.told = state.version;
  }

  beat(): void {
    for (const state of [...this.undelivered]) this.deliver(state);
    this.fixture.beat();
  }

  /** Redis may lose what it holds, but not before everyone has heard of it and the replica has it: entries live for hours. */
  evict(): void {
    const known = this.undelivered.length === 0 && this.replicaAt === this.history.length - 1;
    if (known) this.fixture.redis.rows.clear();
  }

  /** The stream broke for so long that the changes since are told no more. */
  lose(): void {
    this.undelivered.length = 0;
    this.fixture.freshness.gap();
  }

  /** A replica that lacks the last changes is the primary from now on, and counts on from there. The link service empties Redis. */
  failOver(lost: number): void {
    this.failovers++;
    this.history.length = Math.max(1, this.history.length - lost);
    this.undelivered.length = 0;
    this.told = 0n;
    this.replicaAt = this.history.length - 1;
    this.thereSince = this.latest.found ? this.history.findLastIndex(({ found }) => !found) + 1 : -1;
    const { fixture } = this;
    fixture.redis.rows.clear();
    for (const store of [fixture.replica, fixture.primary]) fixture.put(store, this.latest.found);
    fixture.freshness.gap();
  }

  ask(): void {
    const floor = this.told;
    const since = this.thereSince;
    const { failovers } = this;
    const check = (answer: Answer): void => {
      // What was told when it was asked for may be lost by now.
      if (failovers !== this.failovers) return;
      if (answer.kind === 'link' && answer.link.version < floor) {
        this.faults.push(`served ${answer.link.version}, told ${floor}`);
      }
      const stayed = since >= 0 && this.thereSince === since;
      if (answer.kind === 'absent' && stayed) this.faults.push(`absent by ${answer.tier}, there since ${since}`);
    };
    this.questions.push(this.fixture.resolve().then(check));
  }

  async finish(): Promise<void> {
    let open = true;
    const all = Promise.all(this.questions).then(() => {
      open = false;
    });
    while (open) {
      for (const arrive of this.onTheirWay.splice(0)) arrive();
      await turn();
    }
    await all;
  }
}

type Step = (world: World) => void;

function flip(pick: (fixture: Fixture) => ScriptedStore): Step {
  return ({ fixture }) => {
    const store = pick(fixture);
    store.down = !store.down;
  };
}

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Step>((world) => world.ask()) },
  {
    weight: 6,
    arbitrary: fc.nat(5).map<Step>((index) => (world) => {
      const [arrive] = world.onTheirWay.splice(index % Math.max(1, world.onTheirWay.length), 1);
      arrive?.();
    }),
  },
  { weight: 3, arbitrary: fc.constant<Step>((world) => world.change('edit')) },
  { weight: 1, arbitrary: fc.constant<Step>((world) => world.change('rename')) },
  {
    weight: 3,
    arbitrary: fc.nat(9).map<Step>((index) => (world) => {
      world.deliver(world.undelivered[index % Math.max(1, world.undelivered.length)]);
    }),
  },
  {
    weight: 1,
    arbitrary: fc.nat(9).map<Step>((index) => (world) => world.deliver(world.history[index % world.history.length])),
  },
  {
    weight: 2,
    arbitrary: fc.nat(9).map<Step>((index) => (world) => {
      world.replicaAt += index % (world.history.length - world.replicaAt);
      world.fixture.put(world.fixture.replica, world.history[world.replicaAt]?.found);
    }),
  },
  { weight: 3, arbitrary: fc.constant<Step>((world) => world.beat()) },
  { weight: 1, arbitrary: fc.constant<Step>((world) => world.evict()) },
  { weight: 1, arbitrary: fc.constant<Step>((world) => world.lose()) },
  { weight: 1, arbitrary: fc.nat(3).map<Step>((lost) => (world) => world.failOver(lost)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('redis', 'replica', 'primary', 'hedge').map<Step>(
      (store) =>
        ({ fixture }) =>
          fixture.expire(store),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 1, max: 4_000 }).map<Step>(
      (ms) =>
        ({ fixture }) =>
          fixture.now.advance(ms),
    ),
  },
  { weight: 1, arbitrary: fc.constant(flip(({ redis }) => redis)) },
  { weight: 1, arbitrary: fc.constant(flip(({ replica }) => replica)) },
  { weight: 1, arbitrary: fc.constant(flip(({ primary }) => primary)) },
  {
    weight: 1,
    arbitrary: fc.constant<Step>(({ fixture: { primary } }) => {
      primary.back = !primary.back;
    }),
  },
);

it('never serves less than what Watch has told, nor the absence of a link whose creation was answered', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 30, maxLength: 160 }), async (run) => {
      const world = new World();
      world.fixture.settle();
      for (const step of run) {
        step(world);
        await turn();
      }
      await world.finish();
      expect(world.faults).toEqual([]);
    }),
    { numRuns: 5_000 },
  );
});
