// How many clicks analytics has stored.
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Bench } from '../measure.ts';
import type { Followed } from './lines.ts';

/** Reading a process's metrics costs it milliseconds: fifty looks a second were a third of what analytics did. */
const LOOK_MS = { least: 20, most: 1_000 };
const SHARE_OF_REST = 0.25;
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
  const since = Date.now();
  const first = await storedClicks(bench);
  let stored = first;
  while (stored < wanted) {
    const tookMs = Date.now() - since;
    if (tookMs > STORED_LIMIT_MS) throw new Error(`Of ${wanted} clicks ${stored} were stored.`);
    const restMs = ((wanted - stored) * tookMs) / (stored - first);
    await sleep(Math.max(LOOK_MS.least, Math.min(LOOK_MS.most, SHARE_OF_REST * restMs || 0)));
    const before = stored;
    stored = await storedClicks(bench);
    if (stored < before) throw new Error('analytics began anew, and its count with it.');
  }
  if (stored > wanted) throw new Error(`${stored} clicks were stored, ${wanted} were written.`);
}
