import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, it } from 'vitest';
import { ClickSchema } from '#gen/analytics/v1/click_pb.ts';
import { merged, mostShown } from './latest-clicks.ts';

const click = (at: number, country = 'CH') => create(ClickSchema, { at: timestampFromMs(at), country });
const shown = (clicks: ReturnType<typeof merged>) =>
  clicks.map((latest) => [Number(latest.click.at?.seconds), latest.isNew]);

it('what a stream told and a list has is one, newest first', () => {
  const told = [click(3_000), click(2_000)];
  const listed = [click(2_000), click(1_000)];
  expect(shown(merged(told, listed))).toEqual([
    [3, true],
    [2, true],
    [1, false],
  ]);
});

it('of clicks that are alike there are as many as either has', () => {
  expect(shown(merged([click(2_000)], [click(2_000), click(2_000), click(2_000, 'DE')]))).toEqual([
    [2, true],
    [2, false],
    [2, false],
  ]);
  const keys = merged([click(1_000), click(1_000)], []).map(({ key }) => key);
  expect(new Set(keys).size).toBe(2);
});

it('no more are shown than are read', () => {
  const many = Array.from({ length: 50 }, (_, at) => click(at * 1_000));
  expect(merged(many, many)).toHaveLength(mostShown);
});
