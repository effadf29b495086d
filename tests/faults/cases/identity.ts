// Faults of identity: only what needs it may notice.
import { setTimeout as sleep } from 'node:timers/promises';
import { atLeast, atMost, type FaultCase, type Finding } from '../case.ts';
import { p99LikeBefore, redirectsSucceed } from '../judge/judge.ts';
import type { Ledger } from '../load/ledger.ts';
import type { WorldOptions } from '../world/world.ts';

const mesh: WorldOptions = {};
const baselineMs = 15_000;
const faultMs = 30_000;
const afterMs = 15_000;
/** Envoy tells by its health checks that identity is back. */
const backWithinMs = 5_000;

const killed: FaultCase = {
  name: 'identity-killed',
  part: 'Identity',
  title: 'killed, away for 30 s',
  criterion:
    'redirects 100 % successful, their p99 within 1.5 times that before; calls with an API key that was used before: 100 % successful; every log-in is answered 503 with Retry-After, and 200 again within 5 s of the return',
  mesh,
  async run(world) {
    const load = await world.load({
      rates: { cached: 200, cold: 100, read: 30, create: 5, login: 1 },
      durationMs: 180_000,
    });
    await world.pause(baselineMs);
    const { downAt, upAt } = await world.killFor('identity', faultMs);
    await sleep(afterMs);
    const { ledger } = await load.stop();
    const before = ledger.between(load.startedAt, downAt);
    const during = ledger.between(downAt, upAt);
    const all = ledger.between(downAt, Number.POSITIVE_INFINITY);
    return [
      redirectsSucceed(all, 100),
      p99LikeBefore('cached links', before.of('cached'), during.of('cached')),
      p99LikeBefore('cold links', before.of('cold'), during.of('cold')),
      atLeast('signed reads', 100 * all.of('read').success, 100, '%'),
      atLeast('signed creates', 100 * all.of('create').success, 100, '%'),
      refusedInOrder(ledger.between(downAt, upAt - 2_000)),
      atMost('log-ins work again after', worksAgainAfter(ledger.of('login'), upAt), backWithinMs, 'ms'),
    ];
  },
};

function refusedInOrder(ledger: Ledger): Finding {
  const { answers } = ledger.of('login');
  const inOrder = answers.filter(({ status, retryAfter }) => status === 503 && retryAfter);
  return atLeast('log-ins answered 503 with Retry-After', (100 * inOrder.length) / answers.length, 100, '%');
}

/** From the return to the last log-in that failed; infinite when none succeeded. */
function worksAgainAfter(logins: Ledger, upAt: number): number {
  const since = logins.between(upAt, Number.POSITIVE_INFINITY);
  if (since.answers.length === since.failed.length) return Number.POSITIVE_INFINITY;
  return Math.max(0, ...since.failed.map(({ at }) => at - upAt));
}

export const cases = [killed];
