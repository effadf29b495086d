// Clicks at a fixed rate, and how soon some of them can be read.
import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CpuUse, cpuBetween, readCpu } from '../cpu.ts';
import type { Quantiles } from '../generator/job.ts';
import { quantiles } from '../statistics.ts';
import { type NextLine, probeLine } from './lines.ts';
import { findPids } from './pids.ts';
import { type Click, storedClicks, waitForStored } from './stored.ts';

/** Lines are written so often, those that are due by then, and a probe with them. */
const STEP_MS = 50;
const LOOK_MS = 10;
const LATE_LIMIT_MS = 60_000;

interface Probes {
  /** By request id, when the line was in the spool. */
  readonly pending: Map<string, number>;
  readonly seenMs: number[];
}

export async function followSteadily(
  click: Click,
  next: NextLine,
  rate: number,
): Promise<{ clicks: number; cpu: CpuUse; freshnessMs: Quantiles }> {
  const { bench, spool } = click;
  const stored = await storedClicks(bench);
  const probes: Probes = { pending: new Map(), seenMs: [] };
  const looking = { done: false };
  const watching = lookForProbes(click, probes, looking);
  const before = readCpu(findPids(bench));
  const startedAt = performance.now();
  const steps = Math.round((bench.seconds * 1_000) / STEP_MS);
  let written = 0;
  for (let step = 1; step <= steps; step++) {
    await sleep(Math.max(0, startedAt + step * STEP_MS - performance.now()));
    const due = Math.round((rate * step * STEP_MS) / 1_000) - written;
    const lines = Array.from({ length: due - 1 }, () => next(Date.now() * 1_000));
    const requestId = randomUUID();
    const link = click.probed[step % click.probed.length];
    if (link) lines.push(probeLine(link, Date.now() * 1_000, requestId));
    appendFileSync(spool, lines.join(''));
    probes.pending.set(requestId, performance.now());
    written += due;
  }
  await waitForStored(bench, stored + written);
  const cpu = cpuBetween(before, readCpu(findPids(bench)));
  looking.done = true;
  await watching;
  return { clicks: written, cpu, freshnessMs: quantiles(Float64Array.from(probes.seenMs)) };
}

/** Asks for the probes that were not seen, until all are. */
async function lookForProbes({ db, probed }: Click, { pending, seenMs }: Probes, looking: { done: boolean }) {
  const sinceUs = Date.now() * 1_000 - 1_000_000;
  const limit = performance.now() + LATE_LIMIT_MS;
  while (!looking.done || pending.size > 0) {
    if (performance.now() > limit && looking.done) throw new Error(`${pending.size} clicks cannot be read.`);
    await sleep(LOOK_MS);
    if (pending.size === 0) continue;
    const { rows } = await db.query<{ request_id: string }>(
      `select request_id from analytics.clicks where link_id = any($1::uuid[])
       and at >= 'epoch'::timestamptz + $2 * interval '1 microsecond' and request_id = any($3::uuid[])`,
      [probed.map(({ id }) => id), sinceUs, [...pending.keys()]],
    );
    const now = performance.now();
    for (const { request_id: id } of rows) {
      seenMs.push(now - (pending.get(id) ?? now));
      pending.delete(id);
    }
  }
}
