import { describe, expect, it } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import { createWatchAge, type WatchAge } from '#runtime/watch/watch-age.ts';
import type { HotSet, HotSetStatus } from './entry.ts';
import { createLeaseKeeper } from './lease-keeper.ts';

function setUp() {
  const state = {
    time: 10_000,
    version: 1n,
    acknowledged: 1n as bigint | undefined,
    age: 100,
    /** In place of that age, where the test says what was heard and when. */
    watch: undefined as WatchAge | undefined,
    settled: true,
    connected: 1,
    push: 0,
  };
  const leases: (number | undefined)[] = [];
  let shards: ReadonlySet<string> = new Set();
  const status = (): HotSetStatus => ({
    ...{ entries: 0, bytes: 0, nacks: 0, refused: 0, pushes: 0 },
    ...{ version: state.version, acknowledgedVersion: state.acknowledged, connected: state.connected },
    slowestPushMs: state.push,
  });
  const setLease: HotSet['setLease'] = (ttlMs, withheld = new Set()) => {
    leases.push(ttlMs);
    shards = withheld;
  };
  const leaseKeeper = createLeaseKeeper({
    hotSet: { setLease, status },
    ageMs: () => state.watch?.ageMs() ?? state.age,
    settled: () => state.settled,
    now: () => state.time,
    log: silentLog,
  });
  const pass = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 25) {
      state.time += 25;
      leaseKeeper.tick();
    }
  };
  const correct = (...codes: string[]): void => {
    state.version++;
    leaseKeeper.corrected(codes.map((code) => ({ domain: 'go.example', code })));
  };
  return { state, leases, withheld: () => [...shards], leaseKeeper, pass, correct };
}

describe('the lease', () => {
  it('is what is left of two seconds since the primary was read, renewed four times a second', () => {
    const { state, leases, pass } = setUp();
    pass(1_000);
    expect(leases).toEqual([1_750, 1_750, 1_750, 1_750]);
    state.age = 1_000;
    pass(250);
    expect(leases.at(-1)).toBe(850);
  });

  it('is granted only where it outlasts its next renewal, so that it does not begin and end with each', () => {
    const { state, leases, pass } = setUp();
    state.push = 1_000;
    state.age = 700;
    pass(1_000);
    expect(leases).toEqual([]);
    state.age = 400;
    pass(250);
    expect(leases).toEqual([600]);
    state.age = 900;
    pass(250);
    // What has little left is renewed before that is over.
    expect(leases).toEqual([600, 100, 100, 100, 100, 100]);
  });

  it('asks to be looked after at its renewal, at its end, and often while it is not held or a shard of it is withheld', () => {
    const { state, leaseKeeper, pass, correct } = setUp();
    expect(leaseKeeper.restMs).toBe(25);
    pass(25);
    expect(leaseKeeper.restMs).toBe(250);
    state.time += 100;
    expect(leaseKeeper.restMs).toBe(150);
    state.age = 1_750;
    expect(leaseKeeper.restMs).toBe(100);
    state.age = 100;
    correct('abc');
    expect(leaseKeeper.restMs).toBe(25);
    state.acknowledged = state.version;
    pass(25);
    expect(leaseKeeper.restMs).toBe(250);
    state.settled = false;
    pass(25);
    expect(leaseKeeper.restMs).toBe(25);
  });

  it('is shorter by what a push takes at present, which a renewal may have to wait for', () => {
    const { state, leases, pass } = setUp();
    for (const push of [149, 400, 5_000]) {
      state.push = push;
      pass(250);
    }
    expect(leases).toEqual([1_750, 1_500, 900]);
  });

  it('is withdrawn when Watch is silent or begins anew', () => {
    const { state, leases, leaseKeeper, pass } = setUp();
    pass(250);
    state.age = 2_000;
    pass(25);
    expect(leases.at(-1)).toBeUndefined();
    state.age = 100;
    pass(475);
    expect(leaseKeeper.ttlMs).toBe(0);
    pass(25);
    expect(leases.at(-1)).toBe(1_750);
    state.settled = false;
    pass(25);
    expect(leases.at(-1)).toBeUndefined();
  });

  it('is held while another Watch is asked for because the present one was slow to begin, although pushes become slow', () => {
    const { state, leases, pass } = setUp();
    const watch = createWatchAge(() => state.time);
    state.watch = watch;
    const beat = (): boolean => watch.heartbeat(state.time);
    watch.connecting();
    beat();
    pass(600);
    while (beat()) pass(100);
    expect(leases.at(-1)).toBeGreaterThan(0);
    state.push = 1_000;
    // The next one begins no sooner.
    pass(50);
    watch.connecting();
    for (let heartbeat = 0; heartbeat < 3; heartbeat++) {
      pass(200);
      beat();
    }
    pass(25);
    expect(leases).not.toContain(undefined);
  });

  it('withholds the shard of a link that changed, at once, until every Envoy has the change', () => {
    const { state, leases, withheld, leaseKeeper, pass, correct } = setUp();
    pass(250);
    correct('abc', 'axe', 'été');
    expect(leases.at(-1)).toBe(1_750);
    expect(withheld()).toEqual(['a', '%']);
    pass(2_000);
    expect(withheld()).toEqual(['a', '%']);
    expect(leaseKeeper.withheldShards).toBe(2);
    expect(leases).not.toContain(undefined);
    state.acknowledged = state.version;
    pass(25);
    expect(withheld()).toEqual([]);
  });

  it('goes on withholding a shard in which a second link changed meanwhile', () => {
    const { state, withheld, pass, correct } = setUp();
    pass(250);
    correct('abc');
    correct('a2');
    state.acknowledged = state.version - 1n;
    pass(25);
    expect(withheld()).toEqual(['a']);
    state.acknowledged = state.version;
    pass(25);
    expect(withheld()).toEqual([]);
  });

  it('withholds what changed before the lease was granted', () => {
    const { state, leases, withheld, pass, correct } = setUp();
    state.settled = false;
    pass(250);
    correct('abc');
    expect(leases).toEqual([]);
    state.settled = true;
    pass(25);
    expect(leases).toEqual([1_750]);
    expect(withheld()).toEqual(['a']);
  });

  it('is withdrawn and not renewed by a change that is heard of when Watch has been silent', () => {
    const { state, leases, pass, correct } = setUp();
    pass(250);
    state.age = 2_000;
    correct('abc');
    expect(leases.at(-1)).toBeUndefined();
  });

  it('goes on withholding a shard while no Envoy is there: the one that comes may get a set from before the change', () => {
    const { state, leases, withheld, pass, correct } = setUp();
    pass(250);
    correct('abc');
    state.connected = 0;
    state.acknowledged = undefined;
    pass(1_000);
    expect(leases).not.toContain(undefined);
    state.connected = 1;
    state.acknowledged = state.version - 1n;
    pass(25);
    expect(withheld()).toEqual(['a']);
    state.acknowledged = state.version;
    pass(25);
    expect(withheld()).toEqual([]);
  });
});
