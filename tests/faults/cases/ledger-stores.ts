// What the click path writes to dies, stops or answers nobody, under load.

import { scrape, sumOf } from '../../support/metrics.ts';
import { atLeast, type FaultCase, type Verdict } from '../case.ts';
import { exactlyOnce, followDuring, ledgerMesh, redirectsUnharmed } from '../judge/click-ledger.ts';
import { produceAnswers } from '../proxy/kafka-produce.ts';
import { scale, type World, type WorldOptions } from '../world/world.ts';

const part = 'The click ledger';
const criterion =
  'no redirect fails, their p99 within 1.1 times that before; each follow of the ledger is stored once, and counters agree with a recount';
const mesh: WorldOptions = { ...ledgerMesh };

const store = (name: string, title: string, fault: (world: World) => Promise<unknown>): FaultCase => ({
  name: `ledger-${name}`,
  part,
  title,
  criterion,
  mesh,
  async run(world): Promise<Verdict> {
    const followed = await followDuring(world, () => fault(world));
    return [...redirectsUnharmed(followed), ...(await exactlyOnce(world, followed))];
  },
});

const stopped = async ({ mesh: { kill }, pause }: World): Promise<void> => {
  kill('kafka', 'SIGSTOP');
  await pause(90_000);
  kill('kafka', 'SIGCONT');
};

const stores = [
  store('kafka-killed', 'Kafka is killed (SIGKILL), away for 60 s', (world) => world.killFor('kafka', 60_000)),
  store('kafka-stopped', 'Kafka is stopped (SIGSTOP) for 90 s: it takes connections and never answers', stopped),
  store('postgres-killed', 'the primary is killed (SIGKILL), away for 30 s', (world) =>
    world.killFor('postgres', 30_000),
  ),
  store('replica-killed', 'the replica is killed (SIGKILL), away for 30 s', (world) =>
    world.killFor('postgres-replica', 30_000),
  ),
];

const cuts = Math.max(10, Math.round(1_000 * Math.min(1, scale)));
/** Answers are cut as they come, every other one: what was cut is sent again, and arrives. Small batches, so that there are many. */
const untold: FaultCase = {
  name: 'ledger-kafka-answer-cut',
  part,
  title: `Kafka appends and the connection is cut before its answer arrives, ${cuts} times, every other time`,
  criterion,
  mesh: {
    ...ledgerMesh,
    env: { ...ledgerMesh.env, HOP_CLICKS_LINGER_MS: '20', HOP_SPOOL_POLL_MS: '20' },
    proxies: { kafka: { from: ['gateway-edge', 'analytics', 'kafka'], to: 'kafka' } },
  },
  async run(world): Promise<Verdict> {
    const before = await duplicates(world);
    const followed = await followDuring(world, () => cutAnswers(world, cuts));
    return [
      atLeast('clicks that came again and were dropped', (await duplicates(world)) - before, cuts),
      ...redirectsUnharmed(followed),
      ...(await exactlyOnce(world, followed)),
    ];
  },
};

function cutAnswers(world: World, count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const answers = produceAnswers();
  let seen = 0;
  world.proxy('kafka').set({
    kind: 'sift',
    fate: (piece, way) => {
      if (!answers.begins(piece, way) || ++seen % 2 === 0 || seen > 2 * count) return 'pass';
      if (seen === 2 * count - 1) resolve();
      return 'cut';
    },
  });
  return promise;
}

async function duplicates({ mesh: { ports } }: World): Promise<number> {
  const figures = (await scrape(ports['analytics-metrics'])) ?? '';
  return sumOf(figures, 'hop_clicks_consumed_total', { outcome: 'duplicates' }) ?? 0;
}

export const cases = [...stores, untold];
