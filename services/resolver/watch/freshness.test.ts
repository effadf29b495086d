import { describe, expect, it } from 'vitest';
import { testClock } from '../testing/resolver-fixture.ts';
import { createFreshness } from './freshness.ts';

function setUp() {
  const now = testClock();
  return { now, freshness: createFreshness({ now, lapseMs: 2_000, replicaLagMs: 60_000 }) };
}

describe('freshness', () => {
  it('is live for the lapse after a heartbeat, from the second one of a stream on', () => {
    const { now, freshness } = setUp();
    freshness.connected();
    expect(freshness.live(now())).toBe(false);
    freshness.heartbeat(50);
    expect(freshness.live(now())).toBe(false);
    freshness.heartbeat(50);
    expect(freshness.live(now())).toBe(true);
    now.advance(1_999);
    expect(freshness.live(now())).toBe(true);
    now.advance(1);
    expect(freshness.live(now())).toBe(false);
  });

  it('counts what a heartbeat was held up on its way, also where each of the stream was', () => {
    const { now, freshness } = setUp();
    freshness.connected();
    now.advance(1_200);
    freshness.heartbeat(0);
    freshness.heartbeat(100);
    expect(freshness.ageMs(now())).toBe(1_200);
    now.advance(3_000);
    freshness.heartbeat(600);
    expect(freshness.ageMs(now())).toBe(3_700);
    expect(freshness.live(now())).toBe(false);
  });

  it('measures the heartbeats of a new stream by each other: the clocks may have been set', () => {
    const { now, freshness } = setUp();
    freshness.connected();
    for (let beat = 0; beat < 2; beat++) freshness.heartbeat(1_000_000);
    freshness.connected();
    now.advance(100);
    for (let beat = 0; beat < 2; beat++) freshness.heartbeat(0);
    expect(freshness.ageMs(now())).toBe(100);
  });

  it('never makes what the next primary says younger than it is, although its clock is ahead of that of the last one', () => {
    const { now, freshness } = setUp();
    freshness.connected();
    now.advance(200);
    for (let beat = 0; beat < 2; beat++) freshness.heartbeat(200);
    expect(freshness.ageMs(now())).toBe(200);
    freshness.gap();
    for (let beat = 0; beat < 2; beat++) {
      now.advance(100);
      // Read 60 ms ago by a clock that is 250 ms ahead. The other heartbeats seemed 200 ms older than they were: this one would seem 10 ms old.
      freshness.heartbeat(200 + 100 * (beat + 1) - 60 + 250);
      expect(freshness.ageMs(now())).toBeGreaterThanOrEqual(60);
    }
  });

  it('lets Redis be believed once it has what was changed before the epoch, and while it is not far behind', () => {
    const { freshness } = setUp();
    expect(freshness.cached()).toBe(false);
    freshness.connected();
    freshness.heartbeat(1_000, 990);
    freshness.heartbeat(1_100, 999);
    expect(freshness.cached()).toBe(false);
    freshness.heartbeat(1_200, 1_000);
    expect(freshness.cached()).toBe(true);
    freshness.heartbeat(60_999, 1_000);
    expect(freshness.cached()).toBe(true);
    freshness.heartbeat(61_000, 1_000);
    expect(freshness.cached()).toBe(false);
    freshness.heartbeat(61_100, 61_000);
    expect(freshness.cached()).toBe(true);
    freshness.heartbeat(61_200);
    expect(freshness.cached()).toBe(false);
    freshness.gap();
    freshness.heartbeat(61_300, 61_299);
    expect(freshness.cached()).toBe(false);
  });

  it('lets Redis be believed again when the clock of the database was set back, once the relay goes by it too', () => {
    const { freshness } = setUp();
    freshness.connected();
    freshness.heartbeat(3_600_000, 3_599_900);
    freshness.heartbeat(3_601_000, 3_600_900);
    expect(freshness.cached()).toBe(true);
    freshness.heartbeat(2_000, 3_600_900);
    expect(freshness.cached()).toBe(false);
    expect(freshness.cacheLagMs).toBe(0);
    freshness.heartbeat(3_000, 2_900);
    expect(freshness.cached()).toBe(true);
    expect(freshness.cacheLagMs).toBe(100);
  });

  it('covers the time from the first heartbeat of an epoch on, across streams, until a gap', () => {
    const { now, freshness } = setUp();
    const before = now();
    now.advance(10);
    freshness.connected();
    freshness.heartbeat(0);
    expect(freshness.covers(before)).toBe(false);
    expect(freshness.covers(now())).toBe(true);
    const during = now();
    now.advance(60_000);
    freshness.connected();
    freshness.heartbeat(60_000);
    expect(freshness.settled(now())).toBe(true);
    freshness.gap();
    expect(freshness.covers(during)).toBe(false);
    expect(freshness.live(now())).toBe(false);
    freshness.heartbeat(60_001);
    expect(freshness.epoch).toBe(1);
    expect(freshness.settled(now())).toBe(false);
  });
});
