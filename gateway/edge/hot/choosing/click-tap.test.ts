import { expect, it } from 'vitest';
import { Tier } from '#gen/event/v1/click_pb.ts';
import type { FollowedLink } from '../../clicks/parse.ts';
import { pathOf } from '../shards.ts';
import { createClickTap } from './click-tap.ts';

const linkOf = (code: string): FollowedLink => ({
  linkId: '0192f0c1-2222-7333-8444-555566667777',
  workspaceId: '0192f0c1-aaaa-7bbb-8ccc-ddddeeeeffff',
  linkVersion: 1n,
  tier: Tier.L1,
  domain: 'go.example',
  code,
});

const never = { isWithheld: () => false, expectedMisses: () => 0 };

function setUp() {
  const faded: number[] = [];
  const { tap } = createClickTap({
    count: () => {},
    fade: (elapsedMs) => faded.push(Math.round(elapsedMs)),
    ...never,
  });
  const now = Date.now();
  const link = linkOf('a');
  const click = (afterMs: number): void => tap({ link, method: 'GET', atUs: (now + afterMs) * 1_000, path: '/a' });
  return { faded, click };
}

it('lets counts fade by the time of the clicks, which may be a little out of order', () => {
  const { faded, click } = setUp();
  for (const at of [-60_000, -59_001, -59_000, -59_200, -50_000]) click(at);
  expect(faded).toEqual([1_000, 9_000]);
});

it('goes on fading when the clock of the clicks was set back, or was ahead at first', () => {
  const { faded, click } = setUp();
  for (const at of [-10_000, -60_000, -3_600_000, -3_590_000]) click(at);
  expect(faded).toEqual([10_000]);
  const ahead = setUp();
  for (const at of [3_600_000, -600_000, -541_000]) ahead.click(at);
  expect(ahead.faded).toEqual([59_000]);
});

it('counts what Envoy can answer by itself, and tells of the rest as well', () => {
  const counted: string[] = [];
  const { tap, flush } = createClickTap({
    count: (name) => counted.push(name),
    fade: () => {},
    ...never,
  });
  const hot = { link: linkOf('été'), method: 'GET', atUs: Date.now() * 1_000 } as const;
  for (const path of [pathOf('été'), `${pathOf('été')}?utm_source=x`, `/r${pathOf('été')}`, '/%c3%a9t%c3%a9'])
    tap({ ...hot, path });
  tap({ ...hot, method: 'HEAD', path: pathOf('été') });
  expect(counted).toEqual(['go.example/été']);
  expect([flush(), flush()].map(({ isNew }) => isNew)).toEqual([true, false]);
});

it('does not fade by the age of a segment of the spool that is read late', () => {
  const { faded, click } = setUp();
  for (const at of [-10_000, -9_000, -3_600_000, -3_598_000, -7_000, -6_000]) click(at);
  expect(faded).toEqual([1_000, 2_000, 2_000, 1_000]);
});

it('tells how often a resolver was asked for what is hot, because its shard is withheld', () => {
  const isWithheld = (name: string, code: string): boolean => name === 'go.example/a' && code === 'a';
  const { tap, flush } = createClickTap({ ...never, count: () => {}, fade: () => {}, isWithheld });
  const follow = (code: string, tier: Tier, path = pathOf(code), method: 'GET' | 'HEAD' = 'GET'): void =>
    tap({ link: { ...linkOf(code), tier }, method, atUs: Date.now() * 1_000, path });
  for (const tier of [Tier.L1, Tier.REDIS, Tier.EDGE]) for (const code of ['a', 'b']) follow(code, tier);
  follow('a', Tier.L1, '/r/a');
  follow('a', Tier.L1, '/a', 'HEAD');
  expect([flush().missed, flush().missed]).toEqual([2, 0]);
});

it('takes links to be followed as before while no line can be read, for Kafka is away and the spool stands', () => {
  let clock = 0;
  const options = { ...never, expectedMisses: (elapsedMs: number) => elapsedMs / 100, now: () => clock };
  const { tap, flush } = createClickTap({ ...options, count: () => {}, fade: () => {} });
  const missed: number[] = [];
  for (clock = 200; clock <= 2_000; clock += 200) {
    if (clock <= 400) tap({ link: linkOf('a'), method: 'GET', atUs: Date.now() * 1_000, path: '/a' });
    missed.push(flush().missed);
  }
  expect(missed).toEqual([0, 0, 0, 0, 0, 0, 0, 2, 2, 2]);
});
