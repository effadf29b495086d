// A crowd follows 100,000 links, few of them often: how much of it Envoy answers by itself, from an empty hot set on.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Quantiles } from '../generator/job.ts';
import type { Bench } from '../measure.ts';
import { CONNECTIONS, destinationOf, followRequest } from '../requests.ts';
import { zipfOrder } from './zipf.ts';

const LINKS = 100_000;
const RATE = 30_000;
const SECONDS = 20;
/** What is said of the time after this. */
const LEARN_SECONDS = 10;

export interface CrowdFigures {
  readonly links: number;
  readonly offered: number;
  /** Of all answers, what was shed (503). */
  readonly refusedShare: number;
  /** All other figures are of the time after the first 10 s. */
  readonly perSecond: number;
  /** Of the requests, what no resolver was asked for. */
  readonly edgeShare: number;
  readonly latencyMs: Quantiles;
  readonly latenessMs: Quantiles;
}

export async function followAsCrowd({ subject, generator }: Bench): Promise<CrowdFigures> {
  const { host, port, counters } = subject;
  const values = subject.codes.slice(0, LINKS);
  const counted = async () => ({
    at: performance.now(),
    all: await counters.envoyRequests(),
    cold: await counters.resolverRequests(),
  });
  const job = {
    ...{ host, port, values, connections: 2 * CONNECTIONS.redirects, request: followRequest(subject) },
    order: zipfOrder(values.length, RATE * SECONDS),
    expect: { status: 302, locations: values.map((_, at) => destinationOf(at)) },
    ...{ rate: RATE, seconds: SECONDS, requests: RATE * SECONDS, unmeasured: RATE * LEARN_SECONDS },
  };
  // More cold requests than there is room for are refused, quickly: that is to be seen, not to end the load.
  const load = generator.run(job, 'count');
  const learned = sleep(LEARN_SECONDS * 1_000).then(counted);
  const [result, middle] = await Promise.all([load, learned]);
  const end = await counted();
  const all = end.all - middle.all;
  return {
    links: values.length,
    offered: RATE,
    refusedShare: result.wrong / result.answers,
    perSecond: (all * 1_000) / (end.at - middle.at),
    edgeShare: 1 - (end.cold - middle.cold) / all,
    latencyMs: result.latencyMs,
    latenessMs: result.latenessMs as Quantiles,
  };
}
