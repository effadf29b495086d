import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createWatchAge } from './watch-age.ts';

function setUp(skew = 0) {
  let time = 1_000;
  const age = createWatchAge(() => time);
  return {
    age,
    pass: (ms: number) => {
      time += ms;
    },
    /** A heartbeat of a reading so long ago. */
    hear: (agoMs: number, moved = 0) => age.heartbeat(time - agoMs + skew + moved),
  };
}

describe('the age of the watch', () => {
  it('is not known before the second heartbeat of the first stream', () => {
    const { age, pass, hear } = setUp();
    age.connecting();
    pass(50);
    hear(60);
    expect(age.ageMs()).toBe(Number.POSITIVE_INFINITY);
    pass(100);
    hear(10);
    // Read after 140 ms of the stream; nothing says so but the order.
    expect(age.ageMs()).toBe(150);
    pass(100);
    hear(10);
    expect(age.ageMs()).toBe(150);
  });

  it('never seems younger than it is, whatever is held up and however the clocks differ', () => {
    const beat = fc.record({ gap: fc.integer({ min: 1, max: 3_000 }), late: fc.integer({ min: 0, max: 5_000 }) });
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), fc.array(fc.array(beat)), (skew, streams) => {
        const { age, pass, hear } = setUp(skew);
        let clock = 0;
        let youngest = Number.POSITIVE_INFINITY;
        for (const stream of streams) {
          const askedAt = clock;
          age.connecting();
          for (const [index, { gap, late }] of stream.entries()) {
            clock += gap;
            pass(gap);
            youngest += gap;
            // All but the first were read after the stream was asked for.
            const ago = index === 0 ? late : Math.min(late, clock - askedAt);
            youngest = Math.min(youngest, ago);
            hear(ago);
            expect(age.ageMs()).toBeGreaterThanOrEqual(youngest);
          }
        }
      }),
    );
  });

  it('keeps its age across streams, but not across a gap', () => {
    const { age, pass, hear } = setUp();
    age.connecting();
    hear(0);
    hear(0);
    pass(500);
    age.connecting();
    expect(age.ageMs()).toBe(500);
    age.gap();
    expect(age.ageMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('tells what the clock of the primary shows, at least, until a gap', () => {
    const { age, pass, hear } = setUp(500_000);
    age.connecting();
    expect(age.primaryMs()).toBe(Number.NEGATIVE_INFINITY);
    hear(30);
    pass(1_000);
    expect(age.primaryMs()).toBe(501_970);
    hear(0, -3_000);
    expect(age.primaryMs()).toBe(499_000);
    age.gap();
    expect(age.primaryMs()).toBe(Number.NEGATIVE_INFINITY);
  });

  it('asks for another stream soon when this one was slow to begin, and all of its heartbeats seem old for that', () => {
    const { age, pass, hear } = setUp();
    age.connecting();
    hear(0);
    pass(1_400);
    expect(hear(0)).toBe(true);
    expect(age.ageMs()).toBe(1_400);
    pass(400);
    expect(hear(0)).toBe(true);
    pass(100);
    expect(hear(0)).toBe(false);
    age.connecting();
    hear(0);
    pass(20);
    expect(hear(0)).toBe(true);
    expect(age.ageMs()).toBe(20);
  });

  it('asks less and less often while it helps nothing, and soon again after it has helped', () => {
    const { age, pass, hear } = setUp();
    /** For how long a stream is borne that was so slow to begin. */
    const borne = (moved = 0): number => {
      age.connecting();
      pass(300);
      hear(0, moved);
      for (let ms = 0; ; ms += 100) {
        if (!hear(0, moved)) return ms;
        pass(100);
      }
    };
    expect(Array.from({ length: 6 }, () => borne())).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    age.connecting();
    hear(0);
    hear(0);
    // Sound by now, unless the clocks have moved again.
    expect(borne(-300)).toBe(500);
  });

  it('seems no older while another stream is asked for, and while that tells it worse', () => {
    const { age, pass, hear } = setUp();
    age.connecting();
    hear(0);
    pass(300);
    hear(0);
    pass(500);
    expect(hear(0)).toBe(false);
    expect(age.ageMs()).toBe(300);
    age.connecting();
    pass(100);
    hear(0);
    expect(age.ageMs()).toBe(300);
    pass(800);
    hear(0);
    expect(age.ageMs()).toBe(300);
  });

  it('believes for half a minute at most that the clocks are as a stream before said', () => {
    const { age, pass, hear } = setUp();
    age.connecting();
    hear(0);
    pass(10);
    hear(0);
    // The primary's clock goes ahead, and less than its heartbeats are late from now on: none of them seems to come before it was read.
    const [moved, late] = [1_000, 1_200];
    for (let ms = 0; ms < 30_000; ms += 500) {
      age.connecting();
      pass(500);
    }
    age.connecting();
    pass(late);
    hear(late, moved);
    pass(100);
    hear(late, moved);
    expect(age.ageMs()).toBeGreaterThanOrEqual(late);
  });

  it('asks for another stream when the clocks have moved, either way', () => {
    const { age, pass, hear } = setUp();
    age.connecting();
    hear(0);
    pass(100);
    expect(hear(0)).toBe(true);
    expect(hear(0, -2_000)).toBe(true);
    pass(500);
    expect(hear(0, -2_000)).toBe(false);
    expect(hear(0, 2_000)).toBe(false);
  });

  it('takes nothing from a stream before this one once the clock of the primary went ahead', () => {
    const { age, pass, hear } = setUp();
    age.connecting();
    hear(0);
    pass(100);
    hear(0);
    expect(hear(0, 2_000)).toBe(false);
    age.connecting();
    pass(50);
    expect(hear(0, 2_000)).toBe(true);
    expect(age.ageMs()).toBe(150);
    pass(50);
    expect(hear(0, 2_000)).toBe(true);
    expect(age.ageMs()).toBe(100);
  });

  it.each([
    ['by the stream that tells the gap', false],
    ['by the one after it', true],
  ])('knows nothing of the clock of another primary %s', (_, reconnects) => {
    const { age, pass, hear } = setUp();
    age.connecting();
    hear(0);
    pass(20);
    hear(0);
    if (!reconnects) age.connecting();
    age.gap();
    if (reconnects) age.connecting();
    expect(hear(0, -500)).toBe(true);
    expect(age.ageMs()).toBe(Number.POSITIVE_INFINITY);
    pass(20);
    hear(0, -500);
    expect(age.ageMs()).toBe(20);
  });
});
