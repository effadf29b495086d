import { setTimeout as sleep } from 'node:timers/promises';
import type { Ruling, Takedowns, Touched } from './takedowns.postgres.ts';

interface Pace {
  /** Called with the links of each transaction that touched some, after its commit. */
  readonly tell: (touched: Touched) => void;
  /** Between two such transactions: each of these links is a change that every resolver and edge receives (default 250). */
  readonly pauseMs?: number;
}

/** The links in a batch, except the last one of a page. */
export const linksAtOnce = 250;
/** Longer than any transaction of the link service. */
const longestWaitMs = 30_000;

/**
 * Records the ruling, then applies it to every link that its subject covers; returns how many it touched. What an interrupted run leaves
 * undone is done by the next: each link is compared with all standing takedowns.
 */
export async function carryOut(
  takedowns: Pick<Takedowns, 'ruleOn' | 'hasEarlierWriters' | 'linksUnder' | 'settle'>,
  ruling: Ruling,
  { tell, pauseMs = 250 }: Pace,
): Promise<number> {
  const since = await takedowns.ruleOn(ruling);
  if (!ruling.dryRun) await earlierWritersEnded(takedowns, since);
  let links = 0;
  for await (const page of takedowns.linksUnder(ruling.subject)) {
    for (let at = 0; at < page.length; at += linksAtOnce) {
      const touched = await takedowns.settle(ruling, page.slice(at, at + linksAtOnce));
      if (touched.length === 0) continue;
      links += touched.length;
      tell(touched);
      await sleep(pauseMs);
    }
  }
  return links;
}

/** Waits for creates that did not see the ruling, so that their links are visible to the search. */
async function earlierWritersEnded(takedowns: Pick<Takedowns, 'hasEarlierWriters'>, since: string): Promise<void> {
  for (const end = Date.now() + longestWaitMs; Date.now() < end; await sleep(20)) {
    if (!(await takedowns.hasEarlierWriters(since))) return;
  }
  throw new Error('A transaction that began before holds on: pg_stat_activity has it.');
}
