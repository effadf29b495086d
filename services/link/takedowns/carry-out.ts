import { setTimeout as sleep } from 'node:timers/promises';
import type { Ruling, Takedowns, Touched } from './takedowns.postgres.ts';

interface Pace {
  /** Told of the links of each transaction that touched some, once it is committed. */
  readonly tell: (touched: Touched) => void;
  /** Between two such transactions: each of these links is a change that every resolver and edge hears of (default 250). */
  readonly pauseMs?: number;
}

/** So many links are in a batch, but for the last of a page. */
export const linksAtOnce = 250;
/** Longer than any transaction of the link service. */
const longestWaitMs = 30_000;

/**
 * Writes the ruling down, then brings every link under it that its subject covers; answers how many it touched. What it leaves undone
 * when it is broken off the next run does: each link is compared with all that stands.
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

/** A create that did not see the ruling is to be seen by who looks for links. */
async function earlierWritersEnded(takedowns: Pick<Takedowns, 'hasEarlierWriters'>, since: string): Promise<void> {
  for (const end = Date.now() + longestWaitMs; Date.now() < end; await sleep(20)) {
    if (!(await takedowns.hasEarlierWriters(since))) return;
  }
  throw new Error('A transaction that began before holds on: pg_stat_activity has it.');
}
