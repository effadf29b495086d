// How many clicks the mesh says there were, and how many there must have been.
import { setTimeout as sleep } from 'node:timers/promises';
import { atMost, exactly, type Verdict } from '../case.ts';
import { type Ledger, noStatus } from '../load/ledger.ts';
import { expectStatus } from '../world/front-door.ts';
import type { World } from '../world/world.ts';

const quietMs = 3_000;
const longestMs = 60_000;

/** The clicks of all links of the account. */
async function clicksOf({ mesh, account }: World): Promise<number> {
  let sum = 0;
  for (let token = ''; ; ) {
    const query = new URLSearchParams({ page_size: '1000', page_token: token });
    const { json } = await expectStatus(200, `${mesh.url}/api/v1/urls?${query}`, { token: account.apiKey });
    for (const { click_count: count } of json.urls) sum += count;
    token = json.next_page_token;
    if (!token) return sum;
  }
}

/** The same once nothing has been added for a while, or after a minute. */
export async function settledClicks(world: World): Promise<number> {
  const until = Date.now() + longestMs;
  let seen = await clicksOf(world);
  for (let since = Date.now(); Date.now() < until && Date.now() - since < quietMs; await sleep(500)) {
    const now = await clicksOf(world);
    if (now !== seen) since = Date.now();
    seen = now;
  }
  return seen;
}

/**
 * Every redirect that was answered is counted once; `lost` of them at most not at all. One that broke on its way to the
 * client may have been answered.
 */
export async function clicksCounted(world: World, before: number, ledger: Ledger, lost = 0): Promise<Verdict> {
  const follows = ledger.of('cached', 'cold').answers;
  const answered = follows.filter(({ status }) => status === 302).length;
  const unsure = follows.filter(({ status }) => status === noStatus.broken || status === noStatus.timedOut).length;
  const counted = (await settledClicks(world)) - before;
  const missing = Math.max(0, answered - counted);
  const surplus = Math.max(0, counted - answered - unsure);
  const what = `of ${answered} clicks, not counted`;
  return [
    lost === 0 ? exactly(what, missing, 0) : atMost(what, missing, lost),
    exactly('clicks counted twice', surplus, 0),
  ];
}
