import { expect, test, vi } from 'vitest';
import { createFleet } from './fleet.ts';

test('Envoys have together what the one has that is furthest behind, and nothing while one has nothing', () => {
  const onChange = vi.fn();
  const fleet = createFleet(onChange);
  expect(fleet.acknowledged()).toBeUndefined();
  // An Envoy and its successor, which overlap, and another.
  const [before, after, other] = [fleet.join('edge-1'), fleet.join('edge-1'), fleet.join('edge-2')];
  Object.assign(before, { acknowledged: 5n });
  Object.assign(other, { acknowledged: 3n });
  const each = () => [fleet.acknowledged('edge-1'), fleet.acknowledged('edge-2'), fleet.acknowledged()];
  expect(each()).toEqual([undefined, 3n, undefined]);
  Object.assign(after, { acknowledged: 7n });
  expect(each()).toEqual([5n, 3n, 3n]);
  fleet.leave(other);
  expect([fleet.acknowledged(), fleet.size]).toEqual([5n, 2]);
  expect(onChange).toHaveBeenCalledOnce();
});
