// The click ledger, judged follow by follow: each has a mark that its click carries into Postgres.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkout } from '../../../compose/local/layout.ts';
import { postgresUrl } from '../../../compose/local/postgres/postgres.ts';
import { atLeast, exactly, type Finding, type Verdict } from '../case.ts';
import type { Answer, Ledger } from '../load/ledger.ts';
import { passwordsOf, superuser } from '../world/postgres.ts';
import type { World, WorldOptions } from '../world/world.ts';
import { p99LikeBefore } from './judge.ts';

/** What all these cases have in common. Segments are short, so that faults meet their changes. */
export const ledgerMesh = {
  links: { cached: 50, cold: 600 },
  env: { HOP_RESOLVER_L1_ENTRIES: '150', HOP_SPOOL_SEGMENT_AGE_MS: '5000' },
} as const satisfies WorldOptions;
/** Follows per second: hot links and such as no memory has. */
const rates = { cached: 200, cold: 100 };
/** Until what is followed is hot, and every process has compiled what it runs. */
const warmUpMs = 15_000;
const baselineMs = 30_000;
const afterMs = 5_000;
const longestMs = 1_800_000;

/** For the spool to be sent and all of it to be stored. */
const settleMs = 120_000;
const quietMs = 5_000;
/** Longer than any pause after a failure: what has not come by then is lost. */
const givenUpMs = 20_000;
const lookMs = 1_000;
/** A fault may cost the redirect no more than this. */
const p99Times = 1.1;

export interface Followed {
  readonly ledger: Ledger;
  /** Milliseconds since 1970: the beginning of the baseline, the first fault, and when the last part served again. */
  readonly startedAt: number;
  readonly downAt: number;
  readonly upAt: number;
  /** How often the click of each follow is stored, by its number, which is its place in the ledger. */
  readonly stored: ReadonlyMap<number, number>;
  /** Of these, answered by Envoy itself. */
  readonly hot: number;
}

/** Follows links, at first undisturbed, then while the fault is done, and reads their clicks once these no longer change. */
export async function followDuring(world: World, fault: () => Promise<unknown>): Promise<Followed> {
  const mark = `${randomUUID()}.ledger.test`;
  const load = await world.load({ rates, durationMs: longestMs, mark });
  await world.pause(warmUpMs);
  const startedAt = Date.now();
  await world.pause(baselineMs);
  const downAt = Date.now();
  await fault();
  const upAt = Date.now();
  await world.pause(afterMs);
  const { ledger } = await load.stop();
  const counts = await settledClicks(world, mark, ledger.answers.filter(({ ok }) => ok).length);
  return { ledger, startedAt, downAt, upAt, ...counts };
}

type Counts = Pick<Followed, 'stored' | 'hot'>;

async function settledClicks(world: World, mark: string, expected: number): Promise<Counts> {
  const until = Date.now() + settleMs;
  let counts = await clicksOf(world, mark);
  let since = Date.now();
  const rests = (): boolean => Date.now() - since > (counts.stored.size < expected ? givenUpMs : quietMs);
  while (Date.now() < until && !rests()) {
    await sleep(lookMs);
    const now = await clicksOf(world, mark);
    if (sum(now.stored) !== sum(counts.stored)) since = Date.now();
    counts = now;
  }
  return counts;
}

const sum = (stored: ReadonlyMap<number, number>): number =>
  [...stored.values()].reduce((one, other) => one + other, 0);

async function clicksOf(world: World, mark: string): Promise<Counts> {
  const database = await superuser(world);
  try {
    const { rows } = await database.query<{ follow: number; times: number; hot: boolean }>(
      `select split_part(referrer_host, '.', 1)::int as follow, count(*)::int as times, bool_and(tier = 1) as hot
       from analytics.clicks where right(referrer_host, length($1)) = $1 group by 1`,
      [`.${mark}`],
    );
    const stored = new Map(rows.map(({ follow, times }) => [follow, times]));
    return { stored, hot: rows.filter(({ hot }) => hot).length };
  } finally {
    await database.end();
  }
}

/** Follows that were answered and are not stored. */
export const lostOf = ({ ledger, stored }: Followed): Answer[] =>
  ledger.answers.filter(({ ok }, follow) => ok && !stored.has(follow));

/** Every follow that was answered is stored, once, and all that is counted is what a recount of the clicks gives. */
export async function exactlyOnce(world: World, followed: Followed): Promise<Verdict> {
  const { ledger, stored, hot } = followed;
  const answered = ledger.answers.filter(({ ok }) => ok).length;
  return [
    atLeast(`of ${answered} follows, answered by Envoy itself`, (100 * hot) / stored.size, 25, '%'),
    exactly('clicks lost', lostOf(followed).length, 0),
    ...(await noneTwice(world, followed)),
  ];
}

export async function noneTwice(world: World, { stored }: Followed): Promise<Verdict> {
  return [
    exactly('clicks stored twice', [...stored.values()].filter((times) => times > 1).length, 0),
    exactly('counters that differ from a recount', await differences(world), 0),
  ];
}

/** What `npm run reconcile` finds on the mesh's Postgres. */
async function differences(world: World): Promise<number> {
  const url = postgresUrl('hop_analytics', passwordsOf(world), world.mesh.ports.postgres);
  const command = path.join(checkout, 'services/analytics/retention/reconcile.ts');
  const output = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, [command, '--url', url], { maxBuffer: 2 ** 26 }, (error, stdout) => {
      // 1: there are differences.
      if (error && error.code !== 1) reject(error);
      else resolve(stdout);
    });
  });
  const found = /"found":(\d+)/.exec(output)?.[1];
  if (found === undefined) throw new Error(`The recount did not say what it found: ${output.slice(-500)}`);
  return Number(found);
}

export function redirectsUnharmed({ ledger, startedAt, downAt, upAt }: Followed): Verdict {
  const before = ledger.between(startedAt, downAt);
  const during = ledger.between(downAt, upAt);
  const slower = (kind: 'cached' | 'cold', what: string): Finding =>
    p99LikeBefore(`${what} links`, before.of(kind), during.of(kind), { times: p99Times });
  return [exactly('redirects that failed', ledger.failed.length, 0), slower('cached', 'hot'), slower('cold', 'cold')];
}
