import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
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

/** Reads counts until there are this many. */
async function read(counts: AsyncIterable<unknown>, most: number): Promise<void> {
  let count = 0;
  for await (const _ of counts) if (++count === most) break;
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

describe('are asked for again', () => {
  const lost = refusal(Code.Unavailable);
  it.each([
    ['ends', [1]],
    ['breaks', [1, lost]],
  ])('ever later where each stream %s soon after it began', async (_, script) => {
    const analytics = streams(...Array.from({ length: 12 }, () => script));
    const { hop, world } = scripted({ analytics });
    await read(hop.liveCounts(), 12);
    expect(world.slept).toEqual([400, 800, 1_600, 3_200, 6_400, ...Array(6).fill(10_000)]);
  });

  it('soon once a stream has lasted', async () => {
    const { hop, world } = scripted({
      analytics: {
        async *watchWorkspace() {
          yield { clicks: 1 };
          world.pass(600_000);
          yield { clicks: 2 };
        },
      },
    });
    await read(hop.liveCounts(), 6);
    expect(world.slept).toEqual([200, 200]);
  });

  it('when the installation asks for it, and a little later, so that not all come at once', async () => {
    const { hop, world } = scripted({ analytics: streams([refusal(Code.Unavailable, 'OVERLOADED', 30_000)], [1]) });
    await read(hop.liveCounts(), 1);
    expect(world.slept).toEqual([30_400]);
  });

  it('not at all when it asks for longer than their patience', async () => {
    const { hop, world } = scripted({ analytics: streams([refusal(Code.Unavailable, 'OVERLOADED', 3e9)], [1]) });
    await expect(read(hop.liveCounts(), 1)).rejects.toMatchObject({ reason: 'OVERLOADED' });
    expect(world.slept).toEqual([]);
  });
});

it('say so when they cannot begin, once', async () => {
  const { hop } = scripted({ analytics: streams([refusal(Code.Unavailable)], [refusal(Code.Unavailable)], [1]) });
  const told: string[] = [];
  await read(hop.liveCounts({}, { onBreak: ({ reason }) => told.push(reason) }), 1);
  expect(told).toEqual(['DEPENDENCY_UNAVAILABLE']);
});
