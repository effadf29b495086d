import { Code } from '@connectrpc/connect';
import { expect, it } from 'vitest';
import { refusal, scripted } from '../testing/scripted.ts';

/** A stream after the other: each tells counts, then ends or fails. */
function streams(...scripts: (number | Error)[][]) {
  let opened = 0;
  return {
    opened: () => opened,
    async *watchWorkspace() {
      for (const step of scripts[opened++] ?? []) {
        if (step instanceof Error) throw step;
        yield { clicks: step };
      }
    },
  };
}

it('are told across streams that end or break, and say so', async () => {
  const analytics = streams([1, 2], [4, refusal(Code.Unavailable, 'SHUTTING_DOWN')], [5, 6]);
  const { hop } = scripted({ analytics });
  const told: (number | string)[] = [];
  const live = { onLive: () => told.push('live'), onBreak: ({ reason }: { reason: string }) => told.push(reason) };
  for await (const { clicks } of hop.liveCounts({}, live)) {
    told.push(clicks);
    if (clicks === 6) break;
  }
  expect(told).toEqual(['live', 1, 2, 'live', 4, 'SHUTTING_DOWN', 'live', 5, 6]);
});

it('end with the error that another try cannot mend', async () => {
  const analytics = streams([1], [refusal(Code.InvalidArgument, 'RANGE_INVALID')]);
  const { hop } = scripted({ analytics });
  const told: number[] = [];
  const all = async () => {
    for await (const { clicks } of hop.liveCounts()) told.push(clicks);
  };
  await expect(all()).rejects.toMatchObject({ reason: 'RANGE_INVALID' });
  expect([told, analytics.opened()]).toEqual([[1], 2]);
});
