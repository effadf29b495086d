import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tier } from '#gen/event/v1/click_pb.ts';
import { type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { scriptedLinkService } from '#runtime/testing/scripted-link-service.ts';
import { startTestServer } from '#runtime/testing/test-server.ts';
import { freePort, waitFor } from '#runtime/testing/wait-for.ts';
import type { FollowedLink } from '../../gateway/edge/clicks/parse.ts';
import type { HotSet } from '../../gateway/edge/hot/entry.ts';
import { openHotPath } from '../../gateway/edge/hot/hot-path.ts';
import { openControlPlane } from '../../gateway/edge/hot/xds/control-plane.ts';
import { startDoor } from '../testing/door.ts';

const links = 10_000;
/** Of all shards of the hot set, as the codes that the link service makes. */
const codeOf = (index: number): string => `${(index % 36).toString(36)}code${index}`;
const destinationOf = (code: string, version: bigint): string =>
  `https://destination.example/${code}?version=${version}`;

function recordOf(code: string, version: bigint, more: { disabled?: boolean } = {}): LinkRecord {
  return create(LinkRecordSchema, {
    id: '018f0000-0000-7000-8000-000000000001',
    workspaceId: '018f0000-0000-7000-8000-0000000000aa',
    ...{ domain: 'localhost', code, version, destination: destinationOf(code, version), redirectStatus: 302 },
    ...more,
  });
}

/** The real Envoy, the control plane and what feeds it, over a link service whose Watch says what the test says. */
async function openEdge() {
  const port = await freePort();
  const door = await startDoor({ hotSet: { host: '127.0.0.1', port } });
  const routesFile = join(door.envoy.dir, 'config/routes/public.yaml');
  const capacity = { entries: 12_500, bytes: 33_554_432 };
  const names = { domains: ['localhost'], hostAliases: ['127.0.0.1'] };
  const plane = openControlPlane({ routesFile, ...names, capacity, log: silentLog });
  const server = await startTestServer({ services: plane.services, port, maxResponseBytes: 67_108_864 });
  const link = scriptedLinkService();
  const spoolDir = await mkdtemp(join(tmpdir(), 'hop-hot-path-'));
  const config = { spoolDir, hotEntries: capacity.entries, hotBytes: capacity.bytes };
  let withdrawals = 0;
  let [beatAt, stoodStillAt] = [performance.now(), Number.NEGATIVE_INFINITY];
  const noteGap = (): void => {
    if (performance.now() - beatAt > 400) stoodStillAt = performance.now();
  };
  const hotSet: HotSet = {
    ...plane.hotSet,
    setLease(ttlMs, withheld) {
      noteGap();
      // Where the machine stood still, there were no heartbeats, and the lease ends as it must.
      if (ttlMs === undefined && performance.now() - stoodStillAt > 1_000) withdrawals++;
      plane.hotSet.setLease(ttlMs, withheld);
    },
  };
  const path = await openHotPath({ config, hotSet, links: link.client, log: silentLog });
  void path.run();
  let beating = true;
  let muted = false;
  const beats = (async () => {
    for (let cursor = 1; beating; cursor++) {
      const value = { readAt: timestampFromMs(Date.now()), cursor: String(cursor) };
      noteGap();
      beatAt = performance.now();
      if (!muted) link.streams.at(-1)?.say({ event: { case: 'heartbeat', value } });
      await sleep(100);
    }
  })();
  const url = `http://127.0.0.1:${door.envoy.publicPort}`;
  return {
    ...{ link, hotSet: plane.hotSet, withdrawals: () => withdrawals },
    mute(on: boolean) {
      muted = on;
    },
    follow: async (code: string) => {
      const answer = await fetch(`${url}/${code}`, { redirect: 'manual' });
      await answer.arrayBuffer();
      return answer.headers.get('location');
    },
    click(code: string) {
      const link = { tier: Tier.L1, domain: 'localhost', code } as FollowedLink;
      path.tap({ link, method: 'GET', atUs: Date.now() * 1_000, path: `/${code}` });
    },
    async close() {
      beating = false;
      await beats;
      await path.stop();
      plane.stop();
      await server.stop();
      await door.stop();
      await rm(spoolDir, { recursive: true });
    },
  };
}

describe('the hot path', () => {
  let edge: Awaited<ReturnType<typeof openEdge>>;
  beforeAll(async () => {
    edge = await openEdge();
    for (let index = 0; index < links; index++) {
      edge.link.records.set(`localhost/${codeOf(index)}`, recordOf(codeOf(index), 1n));
      edge.click(codeOf(index));
      edge.click(codeOf(index));
    }
  });
  afterAll(() => edge.close());

  let attempts = 0;

  const isHot = async (code: string, version: bigint) => (await edge.follow(code)) === destinationOf(code, version);

  /** How long Envoy goes on sending people where the link led before. */
  async function wrongFor(code: string, old: bigint): Promise<number> {
    const since = performance.now();
    let last = since;
    for (let right = 0; right < 3; ) {
      const at = performance.now();
      if (at - since > 5_000) throw new Error(`${code} still leads where it led before.`);
      if (await isHot(code, old)) last = at;
      else right++;
    }
    return last - since;
  }

  it('has 10,000 followed links within a few seconds', async () => {
    await waitFor(() => edge.hotSet.status().entries === links, { timeoutMs: 10_000, what: '10,000 entries' });
    await waitFor(() => isHot(codeOf(9_999), 1n), { timeoutMs: 5_000, what: 'the last of them' });
  });

  it('stops sending people to an old destination within 250 ms of the change, in 20 of 24 changes', async () => {
    const late: number[] = [];
    const before = edge.withdrawals();
    // Other links where it is tried again: those of the first time lead elsewhere already.
    const first = 24 * attempts++;
    for (let index = first; index < first + 24; index++) {
      const code = codeOf(index);
      // Where the machine stood still it is cold for a while, and a change of it would prove nothing.
      await waitFor(() => isHot(code, 1n), { what: 'a hot link' });
      const record = recordOf(code, 2n, { disabled: index % 2 === 0 });
      edge.link.records.set(`localhost/${code}`, record);
      edge.link.tell({ event: { case: 'change', value: { record } } });
      late.push(await wrongFor(code, 1n));
      // A change waits for others to come with it; the next one here is to find its link hot.
      await edge.hotSet.acknowledged();
      if (index % 2 === 1) await waitFor(() => isHot(code, 2n), { what: 'the new destination' });
    }
    late.sort((a, b) => a - b);
    process.stderr.write(
      `wrong for: p50 ${late[12]?.toFixed(0)} p95 ${late[22]?.toFixed(0)} max ${late[23]?.toFixed(0)} ms\n`,
    );
    // All but four: where Envoy's main thread is building another set, a change waits for it.
    expect(late[19]).toBeLessThan(250);
    // The others stayed hot.
    expect(edge.withdrawals()).toBe(before);
    await waitFor(() => isHot(codeOf(5_000), 1n), { timeoutMs: 5_000, what: 'the lease' });
    // Each change waits for a push, of which one takes a second or two on a busy machine.
  }, 90_000);

  it('goes cold within 2 s of the last reading that it heard of, and comes back', async () => {
    edge.mute(true);
    const wrong = await wrongFor(codeOf(6_000), 1n);
    process.stderr.write(`cold after ${wrong.toFixed(0)} ms\n`);
    expect(wrong).toBeLessThan(2_000);
    edge.mute(false);
    await waitFor(() => isHot(codeOf(6_000), 1n), { timeoutMs: 10_000, what: 'the lease' });
  });

  it('makes a link hot that is suddenly followed often', async () => {
    const code = 'sudden';
    edge.link.records.set(`localhost/${code}`, recordOf(code, 1n));
    const since = performance.now();
    while (!(await isHot(code, 1n))) {
      edge.click(code);
      await sleep(50);
      if (performance.now() - since > 5_000) throw new Error('It is still cold.');
    }
    process.stderr.write(`hot after ${(performance.now() - since).toFixed(0)} ms\n`);
  });
});
