// Faults of the click path: redirects must not notice, and no click may be lost or counted twice.
import { setTimeout as sleep } from 'node:timers/promises';
import { concurrently } from '../../support/concurrently.ts';
import { atLeast, exactly, type FaultCase, type Finding } from '../case.ts';
import { createsMostUsualMs, createsSucceed, p99LikeBefore, redirectsSucceed } from '../judge/judge.ts';
import type { Answer, Ledger } from '../load/ledger.ts';
import type { Target } from '../load/load.ts';
import { expectStatus } from '../world/front-door.ts';
import type { World, WorldOptions } from '../world/world.ts';

const mesh: WorldOptions = { links: { cached: 50, cold: 600 }, env: { HOP_RESOLVER_L1_ENTRIES: '150' } };
const baselineMs = 20_000;
const faultMs = 60_000;
const afterMs = 10_000;
/** For the spool to be sent and stored once Kafka is back. */
const catchUpMs = 60_000;

const killed: FaultCase = {
  name: 'kafka-killed',
  part: 'Kafka',
  title: 'killed, away for 60 s',
  criterion:
    'redirects and creates 100 % successful, their p99 within 1.5 times that before; after the return every followed GET of the ledger is counted, once',
  mesh,
  async run(world) {
    const links = [...world.cached, ...world.cold];
    const counted = await settledClicks(world, links);
    const load = await world.load({ rates: { cached: 300, cold: 100, create: 5 }, durationMs: 300_000 });
    await world.pause(baselineMs);
    const { downAt, upAt } = await world.killFor('kafka', faultMs);
    await world.pause(afterMs);
    const { ledger } = await load.stop();
    const before = ledger.between(load.startedAt, downAt);
    const during = ledger.between(downAt, upAt);
    const all = ledger.between(downAt, Number.POSITIVE_INFINITY);
    return [
      redirectsSucceed(all, 100),
      createsSucceed(all),
      p99LikeBefore('cached links', before.of('cached'), during.of('cached')),
      p99LikeBefore('cold links', before.of('cold'), during.of('cold')),
      p99LikeBefore('creates', before.of('create'), during.of('create'), { mostUsualMs: createsMostUsualMs }),
      ...(await clicksCounted(world, ledger, counted)),
    ];
  },
};

/** Compares what was followed with what is counted, link by link, once that no longer changes. */
async function clicksCounted(world: World, ledger: Ledger, counted: Map<string, number>): Promise<Finding[]> {
  const followed = new Map<string, { sure: number; unsure: number }>();
  for (const answer of ledger.of('cached', 'cold').answers) {
    const code = codeOf(world, answer);
    const tally = followed.get(code) ?? { sure: 0, unsure: 0 };
    if (answer.ok) tally.sure++;
    else tally.unsure++;
    followed.set(code, tally);
  }
  const expected = [...followed].map(([code, { sure }]) => sure + (counted.get(code) ?? 0)).reduce(sum, 0);
  const now = await settledClicks(world, [...world.cached, ...world.cold], expected);
  let missing = 0;
  let surplus = 0;
  for (const [code, { sure, unsure }] of followed) {
    const difference = (now.get(code) ?? 0) - (counted.get(code) ?? 0) - sure;
    missing += Math.max(0, -difference);
    // One whose answer never arrived may have been followed all the same.
    surplus += Math.max(0, difference - unsure);
  }
  const clicks = [...followed.values()].map(({ sure }) => sure).reduce(sum, 0);
  return [
    atLeast('followed', clicks, 1),
    exactly('clicks missing', missing, 0),
    exactly('clicks too many', surplus, 0),
  ];
}

const codeOf = (world: World, { kind, link }: Answer): string =>
  ((kind === 'cached' ? world.cached : world.cold)[link] as Target).code;

const sum = (one: number, other: number): number => one + other;

/** Clicks of each link as the API counts them, asked again until all are there and the total rests, at most catchUpMs. */
async function settledClicks(world: World, links: readonly Target[], atLeastInAll = 0): Promise<Map<string, number>> {
  const until = Date.now() + catchUpMs;
  let last = -1;
  for (;;) {
    const counts = await clicksOf(world, links);
    const total = [...counts.values()].reduce(sum, 0);
    if ((total === last && total >= atLeastInAll) || Date.now() > until) return counts;
    last = total;
    await sleep(2_000);
  }
}

async function clicksOf({ mesh: { url }, account }: World, links: readonly Target[]): Promise<Map<string, number>> {
  const counts = await concurrently(links.length, 8, async (index): Promise<[string, number]> => {
    const { code } = links[index] as Target;
    const { json } = await expectStatus(200, `${url}/api/v1/urls/${code}/stats?interval=day&include_bots=true`, {
      token: account.apiKey,
    });
    return [code, json.clicks];
  });
  return new Map(counts);
}

export const cases = [killed];
