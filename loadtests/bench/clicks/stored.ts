// How many clicks analytics has stored.
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Bench } from '../measure.ts';
import type { Followed } from './lines.ts';

const LOOK_MS = 20;
const STORED_LIMIT_MS = 300_000;

/** What a load needs: the spool, and a connection that sees what is stored. */
export interface Click {
  readonly bench: Bench;
  readonly db: pg.Client;
  readonly spool: string;
  readonly probed: readonly Followed[];
}

/** Clicks that analytics has stored since it began. */
export async function storedClicks({ subject }: Bench): Promise<number> {
  const url = `http://127.0.0.1:${subject.mesh.ports['analytics-metrics']}/metrics`;
  const text = await (await fetch(url, { signal: AbortSignal.timeout(10_000) })).text();
  return Number(/^hop_clicks_consumed_total\{[^}]*outcome="stored"[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0);
}

export async function waitForStored(bench: Bench, wanted: number): Promise<void> {
  const limit = Date.now() + STORED_LIMIT_MS;
  let stored = await storedClicks(bench);
  while (stored < wanted) {
    if (Date.now() > limit) throw new Error(`Of ${wanted} clicks ${stored} were stored.`);
    await sleep(LOOK_MS);
    const before = stored;
    stored = await storedClicks(bench);
    if (stored < before) throw new Error('analytics began anew, and its count with it.');
  }
  if (stored > wanted) throw new Error(`${stored} clicks were stored, ${wanted} were written.`);
}
