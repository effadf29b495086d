// Follows a link that is edited, and knows how old each destination was that it was given.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'undici';
import type { Target } from '../../load/load.ts';
import { pastHotSet } from '../../load/requests.ts';
import type { Edit } from './edits.ts';

export interface Follow {
  /** When it was sent, milliseconds since 1970. */
  readonly at: number;
  /** By how much the answer was out of date when it was asked for, in ms: 0 for the newest that was certain. */
  readonly stale: number;
  /** The edit that the answer had not heard of. */
  readonly unheard: Edit | undefined;
  readonly failed: boolean;
}

export interface FollowingOptions {
  readonly pool: Pool;
  readonly byEdge: boolean;
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Of one link at once; what would be more is left out. */
const mostUnderWay = 64;

/** Follows the link until the signal, without waiting for the answers, and notes what they showed. */
export async function followOn(
  options: FollowingOptions,
  link: Target,
  history: readonly Edit[],
  follows: Follow[],
): Promise<void> {
  const { everyMs, signal } = options;
  const underWay = new Set<Promise<void>>();
  while (!signal.aborted) {
    await sleep(everyMs, undefined, { signal }).catch(() => {});
    if (underWay.size >= mostUnderWay) continue;
    const one: Promise<void> = follow(options, link, history)
      .then((seen) => void follows.push(seen))
      .finally(() => underWay.delete(one));
    underWay.add(one);
  }
  await Promise.all(underWay);
}

async function follow(options: FollowingOptions, { code }: Target, history: readonly Edit[]): Promise<Follow> {
  const at = Date.now();
  const location = await locationOf(options, code).catch(() => undefined);
  const given = history.findLastIndex(({ destination }) => destination === location);
  const unheard = given < 0 ? undefined : history.slice(given + 1).find(({ doneAt }) => doneAt < at);
  return { at, stale: at - (unheard?.doneAt ?? at), unheard, failed: given < 0 };
}

async function locationOf({ pool, byEdge, timeoutMs }: FollowingOptions, code: string) {
  const answer = await pool.request({
    method: 'GET',
    path: `/${code}${byEdge ? '' : pastHotSet}`,
    headers: { host: 'localhost' },
    signal: AbortSignal.timeout(timeoutMs),
  });
  await answer.body.dump();
  return answer.headers.location;
}
