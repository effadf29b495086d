import { describe, expect, it } from 'vitest';
import { choose } from './choose.ts';
import { createPopularity } from './popularity.ts';

function setUp(capacity: number) {
  const popularity = createPopularity({ counters: 1_000, halfLifeMs: 60_000 });
  const chosen = new Set<string>();
  const all = { size: 0, has: (name: string) => chosen.has(name), names: () => chosen.values() };
  const round = () => {
    const choice = choose({ popularity, chosen: { ...all, size: chosen.size }, capacity });
    for (const name of choice.demote) chosen.delete(name);
    for (const name of choice.promote) chosen.add(name);
    return choice;
  };
  const follow = (name: string, times: number): void => {
    for (let click = 0; click < times; click++) popularity.count(name);
  };
  return { popularity, chosen, round, follow };
}

describe('choose', () => {
  it('takes whatever is followed while there is room, the most followed first', () => {
    const { round, follow, chosen } = setUp(2);
    follow('b', 1);
    follow('c', 5);
    follow('d', 9);
    expect(round().promote).toEqual(['d', 'c']);
    expect(chosen.size).toBe(2);
  });

  it('lets a link take the place of one that is followed much less, and not of its equal', () => {
    const { round, follow, popularity } = setUp(1);
    follow('a', 10);
    round();
    follow('b', 14);
    expect(round()).toEqual({ promote: [], demote: [] });
    follow('b', 2);
    expect(round()).toEqual({ promote: ['b'], demote: ['a'] });
    for (let turn = 0; turn < 10; turn++) {
      follow('a', 4);
      follow('b', 4);
      popularity.fade(1_000);
      expect(round().promote).toEqual([]);
    }
  });

  it('compares each that has no room with the one whose place it would take', () => {
    const { round, follow } = setUp(2);
    follow('a', 10);
    follow('b', 4);
    round();
    follow('c', 9);
    follow('d', 8);
    expect(round()).toEqual({ promote: ['c'], demote: ['b'] });
  });

  it('lets go of what cooled when it sends something anyway', () => {
    const { round, follow, chosen, popularity } = setUp(100);
    follow('a', 2);
    round();
    popularity.fade(180_000);
    expect(round().demote).toEqual([]);
    follow('b', 3);
    expect(round()).toEqual({ promote: ['b'], demote: ['a'] });
    expect([...chosen]).toEqual(['b']);
  });

  it('lets go of what cooled where there is less room than there was', () => {
    const { popularity, chosen, follow } = setUp(3);
    for (const name of ['a', 'b', 'c']) chosen.add(name);
    follow('a', 3);
    const all = { size: chosen.size, has: (name: string) => chosen.has(name), names: () => chosen.values() };
    expect(choose({ popularity, chosen: all, capacity: 2 })).toEqual({ promote: [], demote: ['b', 'c'] });
  });

  it('does not send a large set again for a little, but at once for a lot', () => {
    const { round, follow, popularity } = setUp(1_000);
    for (let link = 0; link < 400; link++) follow(`old-${link}`, 3);
    round();
    follow('slow', 3);
    popularity.fade(3_000);
    expect(round().promote).toEqual([]);
    for (let link = 0; link < 20; link++) follow(`other-${link}`, 2);
    popularity.fade(3_000);
    expect(round().promote).toHaveLength(21);
    follow('sudden', 10);
    expect(round().promote).toContain('sudden');
  });

  it('keeps to a capacity that shrinks', () => {
    const { round, follow, chosen, popularity } = setUp(10);
    for (let link = 0; link < 10; link++) follow(`link-${link}`, 2 + link);
    round();
    const choice = choose({
      popularity,
      chosen: { size: chosen.size, has: (name) => chosen.has(name), names: () => chosen.values() },
      capacity: 4,
    });
    expect(choice.demote).toEqual(['link-0', 'link-1', 'link-2', 'link-3', 'link-4', 'link-5']);
  });
});
