// From a line in the spool to a row in Postgres: how many there can be, what each costs every process, how soon it can be read.
import { appendFileSync } from 'node:fs';
import path from 'node:path';
import type pg from 'pg';
import { layoutOf } from '../../../compose/local/layout.ts';
import { edges } from '../../../compose/local/parts/services.ts';
import { asSuperuser } from '../../../compose/local/postgres/postgres.ts';
import { keepSecrets } from '../../../compose/local/secrets.ts';
import { cpuBetween, readCpu } from '../cpu.ts';
import type { Quantiles } from '../generator/job.ts';
import type { Bench } from '../measure.ts';
import { createLines, type Followed } from './lines.ts';
import { findPids } from './pids.ts';
import { followSteadily } from './steady.ts';
import { type Click, storedClicks, waitForStored } from './stored.ts';

/** Segments are not changed while others write than Envoy: it would open the next one. */
export const CLICKS_ENV = { HOP_SPOOL_SEGMENT_BYTES: '17179869184', HOP_SPOOL_SEGMENT_AGE_MS: '86400000' } as const;
/** Links among which clicks are spread. */
const LINK_COUNTS = [2_000, 20_000] as const;
/** Links that only the probes follow. */
const PROBED_LINKS = 24;
export const CLICK_LINKS = Math.max(...LINK_COUNTS) + PROBED_LINKS;

/** Lines for each second of a load, to be sure of saturation. */
const BURST_PER_SECOND = 40_000;
const WARM_CLICKS = 100_000;
const LINES_AT_ONCE = 50_000;

export interface ClickRound {
  readonly clicks: number;
  /** From the first byte of a full spool to the last commit. */
  readonly perSecond: number;
  /** Microseconds of CPU per click, by part; what a checkpoint at the end takes belongs to Postgres. */
  readonly cpuUs: Readonly<Record<string, number>>;
  readonly elsewhereShare: number;
  /** At a fixed rate, half of that. */
  readonly openRate: number;
  readonly openCpuUs: Readonly<Record<string, number>>;
  /** From the line's last byte to a row that a query finds. */
  readonly freshnessMs: Quantiles;
}

export interface ClickFigures {
  /** By the number of links. */
  readonly rounds: Readonly<Record<string, readonly ClickRound[]>>;
}

export async function measureClicks(bench: Bench, rounds: number): Promise<ClickFigures> {
  const layout = layoutOf(bench.subject.mesh.dir);
  const { passwords } = keepSecrets(layout);
  const spool = path.join(layout.data, edges.envoy.spool, 'clicks.jsonl');
  return asSuperuser(
    passwords,
    bench.subject.mesh.ports.postgres,
    async (db) => {
      const links = await followedOf(db, bench.subject.codes);
      const click: Click = { bench, db, spool, probed: links.slice(-PROBED_LINKS) };
      await storeAll(click, links.slice(0, LINK_COUNTS[0]), WARM_CLICKS);
      const measured: Record<string, ClickRound[]> = {};
      for (let round = 0; round < rounds; round++) {
        for (const count of round % 2 === 0 ? LINK_COUNTS : LINK_COUNTS.toReversed()) {
          const one = await measureRound(click, links.slice(0, count));
          measured[count] = [...(measured[count] ?? []), one];
          bench.say(`clicks of ${count} links: ${JSON.stringify(one)}`);
        }
      }
      return { rounds: measured };
    },
    'hopline',
  );
}

async function followedOf(db: pg.Client, codes: readonly string[]): Promise<Followed[]> {
  const { rows } = await db.query<Followed>(
    `select id, workspace_id as "workspaceId", version::text, code from link.links
     where domain = 'localhost' and code = any($1) order by version`,
    [codes],
  );
  return rows;
}

async function measureRound(click: Click, links: readonly Followed[]): Promise<ClickRound> {
  const { seconds, cores } = click.bench;
  const burst = await storeAll(click, links, seconds * BURST_PER_SECOND);
  const openRate = burst.perSecond / 2;
  const steady = await followSteadily(click, createLines(links), openRate);
  const { perSecond, clicks, cpu } = burst;
  return {
    clicks,
    perSecond,
    cpuUs: perClick(cpu.parts, clicks),
    elsewhereShare: cpu.elsewhere / ((clicks / perSecond) * cores * 1e6),
    openRate,
    openCpuUs: perClick(steady.cpu.parts, steady.clicks),
    freshnessMs: steady.freshnessMs,
  };
}

/** Writes so many lines as fast as the disk takes them, and waits until analytics has stored all. */
async function storeAll(click: Click, links: readonly Followed[], clicks: number) {
  const { db, spool, bench } = click;
  const next = createLines(links);
  const parts: string[] = [];
  for (let made = 0; made < clicks; made += LINES_AT_ONCE) {
    const lines = Array.from({ length: Math.min(LINES_AT_ONCE, clicks - made) }, () => next(Date.now() * 1_000));
    parts.push(lines.join(''));
  }
  await db.query('checkpoint');
  const stored = await storedClicks(bench);
  const before = readCpu(findPids(bench));
  const startedAt = performance.now();
  for (const part of parts) appendFileSync(spool, part);
  await waitForStored(bench, stored + clicks);
  const perSecond = (clicks * 1_000) / (performance.now() - startedAt);
  await db.query('checkpoint');
  return { clicks, perSecond, cpu: cpuBetween(before, readCpu(findPids(bench))) };
}

function perClick(parts: Readonly<Record<string, number>>, clicks: number): Record<string, number> {
  return Object.fromEntries(Object.entries(parts).map(([part, us]) => [part, us / clicks]));
}
