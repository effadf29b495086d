import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { type Click, ClickSchema } from '../gen/hop/analytics/v1/click_pb.ts';
import { refusal, scripted } from '../testing/scripted.ts';

const clickAt = (ms: number, country = 'CH') => create(ClickSchema, { at: timestampFromMs(ms), country });
const click = (ms: number, country?: string) => ({ event: { case: 'click' as const, value: clickAt(ms, country) } });
const heartbeat = (ms: number, skipped = 0) => ({
  event: { case: 'heartbeat' as const, value: { at: timestampFromMs(ms), skipped } },
});
type Event = ReturnType<typeof click> | ReturnType<typeof heartbeat>;

/** A stream after the other; the last one stays open until it is left. */
function streams(...scripts: (Event | Error)[][]) {
  let opened = 0;
  return {
    opened: () => opened,
    async *watchClicks(_: unknown, { signal }: { signal: AbortSignal }) {
      const script = scripts[opened++];
      for (const step of script ?? []) {
        if (step instanceof Error) throw step;
        yield step;
      }
      if (opened < scripts.length) return;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  };
}

const timesOf = (clicks: Click[]) => clicks.map(({ at }) => Number(at?.seconds) * 1_000 + (at?.nanos ?? 0) / 1_000_000);

async function take(clicks: AsyncIterable<Click>, count: number): Promise<Click[]> {
  const taken: Click[] = [];
  for await (const one of clicks) if (taken.push(one) === count) break;
  return taken;
}

const broken = refusal(Code.Unavailable, 'SHUTTING_DOWN');

describe('live clicks', () => {
  it('are told across a stream that ends, without those that were told already', async () => {
    const analytics = streams([heartbeat(1_000), click(2_000), click(2_000)], [heartbeat(9_000), click(9_500)]);
    const listClicks = () => ({ clicks: [4_000, 2_000, 2_000].map((ms) => clickAt(ms)) });
    const { hop } = scripted({ analytics: { watchClicks: analytics.watchClicks, listClicks } });
    expect(timesOf(await take(hop.liveClicks({ code: 'a' }), 4))).toEqual([2_000, 2_000, 4_000, 9_500]);
  });

  it('are told once when the list and the new stream both hold them', async () => {
    const analytics = streams([heartbeat(1_000), broken], [heartbeat(5_000), click(4_900), click(6_000)]);
    const listClicks = () => ({ clicks: [clickAt(4_900)] });
    const { hop } = scripted({ analytics: { watchClicks: analytics.watchClicks, listClicks } });
    expect(timesOf(await take(hop.liveClicks({ code: 'a' }), 2))).toEqual([4_900, 6_000]);
  });

  it('leave out what was followed before they began', async () => {
    const analytics = streams([heartbeat(10_000), broken], [heartbeat(12_000), click(13_000)]);
    const listClicks = () => ({ clicks: [clickAt(11_000), clickAt(9_999)] });
    const { hop } = scripted({ analytics: { watchClicks: analytics.watchClicks, listClicks } });
    expect(timesOf(await take(hop.liveClicks({ code: 'a' }), 2))).toEqual([11_000, 13_000]);
  });

  it('say when they begin, break, and leave something out', async () => {
    const analytics = streams(
      [heartbeat(1_000), heartbeat(2_000, 5), heartbeat(3_000, 7), broken],
      [heartbeat(4_000), click(5_000)],
    );
    const { hop } = scripted({ analytics: { watchClicks: analytics.watchClicks, listClicks: () => ({}) } });
    const told: string[] = [];
    const live = hop.liveClicks(
      { code: 'a' },
      {
        onLive: () => told.push('live'),
        onBreak: ({ reason }) => told.push(reason),
        onSkipped: (count) => told.push(`skipped ${count}`),
      },
    );
    await take(live, 1);
    expect(told).toEqual(['live', 'skipped 5', 'skipped 2', 'SHUTTING_DOWN', 'live']);
  });

  it('end by their signal without an error', async () => {
    const stop = new AbortController();
    const analytics = streams([heartbeat(1_000)]);
    const { hop } = scripted({ analytics });
    for await (const _ of hop.liveClicks({ code: 'a' }, { signal: stop.signal, onLive: () => stop.abort() }))
      expect.unreachable();
    expect(analytics.opened()).toBe(1);
  });

  it('end with the error that another try cannot mend', async () => {
    const analytics = streams([heartbeat(1_000), refusal(Code.NotFound, 'LINK_NOT_FOUND')]);
    const { hop } = scripted({ analytics });
    await expect(take(hop.liveClicks({ code: 'a' }), 1)).rejects.toMatchObject({ reason: 'LINK_NOT_FOUND' });
  });

  it('end when the installation stays away longer than their patience', async () => {
    const analytics = streams(...Array.from({ length: 50 }, () => [refusal(Code.Unavailable)]));
    const { hop, world } = scripted({ analytics });
    await expect(take(hop.liveClicks({ code: 'a' }, { patienceMs: 60_000 }), 1)).rejects.toMatchObject({
      code: Code.Unavailable,
    });
    expect(world.slept.length).toBeLessThan(15);
  });
});
