// A hot link is edited while others are followed: how long until Envoy has the whole set anew, and what the others see of it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pushes } from '../counters.ts';
import type { Quantiles } from '../generator/job.ts';
import type { Bench } from '../measure.ts';
import { CONNECTIONS, destinationOf, followRequest } from '../requests.ts';
import { median } from '../statistics.ts';
import type { Subject } from '../subject.ts';

const RATE = 3_000;
const QUIET_SECONDS = 20;
const EDITED_SECONDS = 45;
const EDITS = 6;
/** More than the 6 s that the set of a changed link may wait for another reason to be pushed. */
const EVERY_MS = 7_000;
/** The set is quiet after what made the links hot. */
const SETTLE_MS = 2_000;
const MOST_HOT = 10_000;
/** Of the hot links these are followed, the others are edited. */
const FOLLOWED_SHARE = 0.8;
const WARM_FOLLOWS = 20;
const LOOK_MS = 20;
const PATIENCE_MS = 10_000;

export interface PushFigures {
  /** In the set while it was pushed. */
  readonly entries: number;
  readonly pushes: number;
  /** From the new set to Envoy's acknowledgement; the mean where an edit came with another push. */
  readonly medianMs: number;
  readonly mostMs: number;
  readonly offered: number;
  readonly latencyMs: Quantiles;
  /** The same load without pushes. */
  readonly quietMs: Quantiles;
  /** Of the load while it was pushed, what Envoy answered by itself: a slow push takes the lease away. */
  readonly edgeShare: number;
}

export async function pushUnderLoad(bench: Bench): Promise<PushFigures> {
  const { subject } = bench;
  const { counters, codes } = subject;
  const hot = Math.min(MOST_HOT, codes.length);
  const followed = Math.floor(hot * FOLLOWED_SHARE);
  const edited = codes.slice(followed, followed + EDITS);
  // What is not hot yet may be shed.
  await follow(bench, Math.min(hot, followed + EDITS), QUIET_SECONDS, 'count');
  for (let times = 0; times < WARM_FOLLOWS; times++)
    await Promise.all(edited.map((code) => call(`${subject.mesh.url}/${code}`, { redirect: 'manual' }, 302)));
  await sleep(SETTLE_MS);
  const quiet = await follow(bench, followed, QUIET_SECONDS);
  const before = [await counters.envoyRequests(), await counters.resolverRequests()] as const;
  const [{ latencyMs }, pushes] = await Promise.all([follow(bench, followed, EDITED_SECONDS), editAll(bench, edited)]);
  const [all, cold] = [(await counters.envoyRequests()) - before[0], (await counters.resolverRequests()) - before[1]];
  // The variants that come next follow them, too.
  for (const [at, code] of edited.entries()) await edit(subject, code, destinationOf(followed + at));
  const took = pushes.map(({ seconds, count }) => (seconds * 1_000) / count);
  return {
    entries: await counters.hotEntries(),
    pushes: pushes.reduce((sum, { count }) => sum + count, 0),
    medianMs: median(took),
    mostMs: Math.max(...took),
    offered: RATE,
    latencyMs,
    quietMs: quiet.latencyMs,
    edgeShare: 1 - cold / all,
  };
}

function follow(
  { subject, generator }: Bench,
  links: number,
  seconds: number,
  wrongAnswers: 'fail' | 'count' = 'fail',
) {
  const { host, port } = subject;
  const values = subject.codes.slice(0, links);
  const job = {
    ...{ host, port, values, connections: CONNECTIONS.redirects, request: followRequest(subject) },
    expect: { status: 302, locations: values.map((_, at) => destinationOf(at)) },
    ...{ rate: RATE, seconds, requests: RATE * seconds },
  };
  return generator.run(job, wrongAnswers);
}

async function editAll({ subject }: Bench, codes: readonly string[]): Promise<Pushes[]> {
  const pushes: Pushes[] = [];
  for (const code of codes) {
    const next = sleep(EVERY_MS);
    const before = await subject.counters.pushes();
    await edit(subject, code, `https://example.org/edited/${code}`);
    const until = performance.now() + PATIENCE_MS;
    let after = await subject.counters.pushes();
    while (after.count === before.count) {
      if (performance.now() > until) throw new Error(`Envoy has not acknowledged the edit of ${code}.`);
      await sleep(LOOK_MS);
      after = await subject.counters.pushes();
    }
    pushes.push({ seconds: after.seconds - before.seconds, count: after.count - before.count });
    await next;
  }
  return pushes;
}

async function edit({ mesh, apiKey }: Subject, code: string, destination: string): Promise<void> {
  const body = JSON.stringify({ long_url: destination });
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  await call(`${mesh.url}/api/v1/urls/${code}`, { method: 'PATCH', headers, body }, 200);
}

async function call(url: string, init: RequestInit, status: number): Promise<void> {
  const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
  const text = await answer.text();
  if (answer.status !== status) throw new Error(`${url}: ${answer.status} ${text}`);
}
