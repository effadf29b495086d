import { describe, expect, it } from 'vitest';
import { silentLog } from '#runtime/telemetry/log.ts';
import type { HotSetStatus } from './entry.ts';
import { createGrants } from './grants.ts';

function setUp() {
  const state = {
    time: 10_000,
    version: 1n,
    acknowledged: 1n as bigint | undefined,
    age: 100,
    settled: true,
    connected: 1,
    lastPushMs: undefined as number | undefined,
  };
  const leases: (number | undefined)[] = [];
  const status = (): HotSetStatus => ({
    ...{ entries: 0, bytes: 0, nacks: 0, refused: 0, pushes: 0, lastPushMs: state.lastPushMs },
    ...{ version: state.version, acknowledgedVersion: state.acknowledged, connected: state.connected },
  });
  const grants = createGrants({
    hotSet: { setLease: (ttlMs) => leases.push(ttlMs), status },
    ageMs: () => state.age,
    settled: () => state.settled,
    now: () => state.time,
    log: silentLog,
  });
  const pass = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 25) {
      state.time += 25;
      grants.tick();
    }
  };
  const correct = (entries = 1): void => {
    state.version++;
    grants.corrected(entries);
  };
  return { state, leases, grants, pass, correct };
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

  it('is withdrawn when Watch is silent or begins anew', () => {
    const { state, leases, grants, pass } = setUp();
    pass(250);
    state.age = 2_000;
    pass(25);
    expect(leases.at(-1)).toBeUndefined();
    state.age = 100;
    pass(475);
    expect(grants.ttlMs).toBe(0);
    pass(25);
    expect(leases.at(-1)).toBe(1_750);
    state.settled = false;
    pass(25);
    expect(leases.at(-1)).toBeUndefined();
  });

  it('stays while corrections are acknowledged in time, one after another', () => {
    const { state, leases, pass, correct } = setUp();
    pass(250);
    for (let turn = 0; turn < 20; turn++) {
      correct();
      pass(100);
      state.acknowledged = state.version;
    }
    expect(leases).not.toContain(undefined);
  });

  it('goes when a correction is not acknowledged, and comes back when all are and it was calm', () => {
    const { state, leases, grants, pass, correct } = setUp();
    pass(250);
    correct();
    pass(150);
    expect(grants.ttlMs).toBe(1_750);
    pass(25);
    expect(leases.at(-1)).toBeUndefined();
    pass(1_000);
    expect(grants.ttlMs).toBe(0);
    state.acknowledged = state.version;
    pass(25);
    expect(grants.ttlMs).toBe(1_750);
  });

  it('goes before a storm of corrections is sent', () => {
    const { leases, pass, correct } = setUp();
    pass(250);
    correct(201);
    expect(leases.at(-1)).toBeUndefined();
  });

  it('goes before a correction where pushes are slow', () => {
    const { state, leases, pass, correct } = setUp();
    pass(250);
    state.lastPushMs = 200;
    correct();
    expect(leases.at(-1)).toBeUndefined();
  });

  it('does not wait for an Envoy that is gone', () => {
    const { state, leases, pass, correct } = setUp();
    pass(250);
    state.connected = 0;
    state.acknowledged = undefined;
    correct();
    pass(1_000);
    expect(leases).not.toContain(undefined);
  });
});
