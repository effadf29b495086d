import { join } from 'node:path';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Client } from '@connectrpc/connect';
import type { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { fromConnectError } from '#runtime/errors/errors.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import { counter, observe } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { pause } from '#runtime/time/pause.ts';
import { createWakeup } from '#runtime/time/wakeup.ts';
import { createLinkClock } from '#runtime/watch/link-clock.ts';
import { followLinks, type WatchListener, watchIsSilent } from '#runtime/watch/link-watch.ts';
import { createWatchAge } from '#runtime/watch/watch-age.ts';
import type { EdgeConfig } from '../config.ts';
import { choose } from './choosing/choose.ts';
import { type ClickTap, createClickTap } from './choosing/click-tap.ts';
import { type HotLinks, readHotLinks, writeHotLinks } from './choosing/hot-links-file.ts';
import { createPopularity } from './choosing/popularity.ts';
import type { HotEntry, HotSet } from './entry.ts';
import { createLeaseKeeper, leaseMs } from './lease-keeper.ts';
import { keyOfName, nameOf } from './link-name.ts';
import { shardOf } from './shards.ts';
import { createTrackedLinks } from './tracking/tracked-links.ts';

interface Dependencies {
  readonly config: Pick<EdgeConfig, 'spoolDir' | 'hotEntries' | 'hotBytes'>;
  readonly hotSet: HotSet;
  readonly links: Pick<Client<typeof LinkService>, 'watch' | 'lookupLinks'>;
  readonly log: Log;
}

export interface HotPath {
  /** Observes the follows at this edge: every line of a followed link (choosing/click-tap.ts). */
  tap: ClickTap['tap'];
  readonly checks: { readonly watch: () => Promise<void> };
  /** Maintains the hot set until stop. */
  run(): Promise<void>;
  stop(): Promise<void>;
}

const now = (): number => performance.now();
const popularityBounds = { counters: 131_072, halfLifeMs: 60_000 } as const;
/** Choosing among 100,000 links takes some 10 ms, in which no click is read: it may use a twentieth of the time, or more if one takes long. */
const chooseRest = { shortestMs: 200, longestMs: 1_000, share: 19 } as const;
const readMs = 20;
const readAgainMs = 500;
const expireMs = 250;
const saveMs = 5_000;
const lookupMs = 1_000;
const corrections = counter(metric.hotCorrections);
const promotions = counter(metric.hotPromotions);
const demotions = counter(metric.hotDemotions);

/** Wires everything from followed links to what Envoy answers by itself. */
export async function openHotPath(dependencies: Dependencies): Promise<HotPath> {
  const { config, links, log } = dependencies;
  const path = join(config.spoolDir, 'hot-links.json');
  const restored = await readHotLinks(path, (err) => log.error({ err }, 'the hot links cannot be read'));
  const parts = assemble(dependencies, restored);
  const { age, alarms, start, tracked, leaseKeeper, clicks } = parts;
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<unknown> = Promise.resolve();
  return {
    tap: clicks.tap,
    checks: {
      async watch() {
        if (age.ageMs() > leaseMs) throw watchIsSilent();
      },
    },
    async run() {
      const watch = followLinks({
        client: links,
        listener: listen(parts, () => watch.reconnect()),
        ...{ log, now, sleep: pause, random: Math.random },
      });
      const each = (ms: number) => () => pause(ms, signal);
      const keep = (what: () => void | Promise<void>, rest: Rest) => repeat(what, rest, signal, log);
      for (const { wake } of Object.values(alarms)) signal.addEventListener('abort', wake);
      running = Promise.all([
        keep(
          () => chooseNow(parts, dependencies),
          (tookMs) => pause(restAfterChoice(tookMs), signal),
        ),
        keep(
          () => read(parts, log, signal),
          () => (tracked.waiting === 0 && start.isWhole ? alarms.unread.wait() : pause(readMs, signal)),
        ),
        keep(leaseKeeper.tick, () => alarms.lease.wait(leaseKeeper.restMs)),
        keep(tracked.expire, each(expireMs)),
        keep(() => save(parts, path), each(saveMs)),
      ]).then(() => Promise.all([watch.stop(), save(parts, path)]));
      await running;
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function assemble({ hotSet, links, log }: Dependencies, restored: HotLinks) {
  const popularity = createPopularity(popularityBounds);
  for (const [name, score] of restored) popularity.restore(name, score);
  const age = createWatchAge(now);
  /** There is something to read; the lease needs a tick earlier than planned. */
  const alarms = { unread: createWakeup(), lease: createWakeup() };
  const start = holdUntilWhole(hotSet);
  const tracked = createTrackedLinks({
    hotSet: start,
    lookup: async (names) => (await links.lookupLinks({ names: [...names] }, { timeoutMs: lookupMs })).records,
    onUnread: alarms.unread.wake,
    onCorrection(corrected) {
      corrections.add(corrected.length);
      leaseKeeper.corrected(corrected);
      alarms.lease.wake();
    },
    wallClock: createLinkClock(age),
  });
  tracked.track([...restored.keys()].map(keyOfName));
  const settled = (): boolean => start.isWhole && tracked.settled();
  const leaseKeeper = createLeaseKeeper({ hotSet, ageMs: age.ageMs, settled, now, log });
  observe(metric.leaseTtl, {}, () => leaseKeeper.ttlMs / 1_000);
  observe(metric.leaseStateAge, {}, () => leaseKeeper.stateAgeMs / 1_000);
  observe(metric.leaseWithheldShards, {}, () => leaseKeeper.withheldShards);
  observe(metric.watchAge, {}, () => age.ageMs() / 1_000);
  const isWithheld = (name: string, code: string): boolean =>
    tracked.isHot(name) && leaseKeeper.withholds(shardOf(code));
  const expectedMisses = (elapsedMs: number): number => {
    if (leaseKeeper.withheldShards === 0) return 0;
    let perSecond = 0;
    for (const name of tracked.names())
      if (isWithheld(name, keyOfName(name).code)) perSecond += popularity.rateOf(name);
    return (perSecond * elapsedMs) / 1_000;
  };
  const clicks = createClickTap({ ...popularity, isWithheld, expectedMisses });
  return { popularity, age, alarms, start, tracked, leaseKeeper, clicks };
}

type Parts = ReturnType<typeof assemble>;

function chooseNow({ popularity, tracked, clicks }: Parts, { hotSet, config }: Dependencies): void {
  const capacity = capacityOf(hotSet, config);
  const { isNew, missed } = clicks.flush();
  hotSet.missed(missed);
  // Counts fade by the time of clicks: while none comes, the choice would be the same again, unless a restart has reduced the room.
  if (!isNew && tracked.size <= capacity) return;
  const { promote, demote } = choose({ popularity, chosen: tracked, capacity });
  tracked.untrack(demote);
  tracked.track(promote.map(keyOfName));
  promotions.add(promote.length);
  demotions.add(demote.length);
}

async function read({ tracked, start }: Parts, log: Log, signal: AbortSignal): Promise<void> {
  if (tracked.waiting === 0 && start.isWhole) return;
  try {
    if (await tracked.read()) tracked.leftOut(start.whole());
  } catch (error) {
    log.warn({ err: fromConnectError(error) }, 'links could not be looked up');
    await pause(readAgainMs, signal);
  }
}

/** Not before the set is complete: until then the file holds what is still to be read. */
async function save({ tracked, popularity, start }: Parts, path: string): Promise<void> {
  if (!start.isWhole) return;
  const scores = [...tracked.names()].map((name) => [name, Math.round(popularity.scoreOf(name) * 10) / 10] as const);
  await writeHotLinks(path, new Map(scores));
}

function listen({ tracked, age, leaseKeeper }: Parts, reconnect: () => void): WatchListener {
  return {
    connecting: age.connecting,
    change: tracked.change,
    heartbeat({ readAt }) {
      tracked.heard();
      if (readAt && !age.heartbeat(timestampMs(readAt))) reconnect();
    },
    gap() {
      tracked.gap();
      age.gap();
      leaseKeeper.tick();
      // Another primary has another clock.
      reconnect();
    },
  };
}

/** An Envoy may still have the previous process's hot set: it gets the next one only when that is complete. */
function holdUntilWhole(hotSet: Pick<HotSet, 'put' | 'remove' | 'status'>) {
  const held = new Map<string, HotEntry>();
  let isWhole = false;
  return {
    status: hotSet.status,
    put(entries: readonly HotEntry[]): readonly HotEntry[] {
      if (isWhole) return hotSet.put(entries);
      for (const entry of entries) held.set(nameOf(entry), entry);
      return [];
    },
    remove(keys: Parameters<HotSet['remove']>[0]): void {
      if (isWhole) hotSet.remove(keys);
      else for (const key of keys) held.delete(nameOf(key));
    },
    /** Returns the held entries that were not accepted. */
    whole(): readonly HotEntry[] {
      if (isWhole) return [];
      isWhole = true;
      const leftOut = hotSet.put([...held.values()]);
      held.clear();
      return leftOut;
    },
    get isWhole() {
      return isWhole;
    },
  };
}

const restAfterChoice = (tookMs: number): number =>
  Math.min(chooseRest.longestMs, Math.max(chooseRest.shortestMs, chooseRest.share * tookMs));

/** As many entries as allowed, given their average size. */
function capacityOf(hotSet: Pick<HotSet, 'status'>, { hotEntries, hotBytes }: Dependencies['config']): number {
  const { entries, bytes } = hotSet.status();
  return entries === 0 ? hotEntries : Math.min(hotEntries, Math.floor((hotBytes * entries) / bytes));
}

type Rest = (tookMs: number) => Promise<void>;

async function repeat(what: () => void | Promise<void>, rest: Rest, signal: AbortSignal, log: Log): Promise<void> {
  while (!signal.aborted) {
    const since = now();
    try {
      await what();
    } catch (error) {
      log.error({ err: error }, 'the hot set could not be looked after');
    }
    // After the abort nothing would wake this from its rest.
    if (!signal.aborted) await rest(now() - since);
  }
}
