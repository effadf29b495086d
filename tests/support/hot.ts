import { inject } from 'vitest';
import { eventually } from './eventually.ts';
import { call } from './http.ts';
import { figureOf } from './metrics.ts';

/** How many follows gateway-edge has read of, of all tiers or of one. */
export const followsRead = (tier?: string): Promise<number> =>
  figureOf(inject('meshPorts')['gateway-edge-metrics'] ?? 0, 'hop_edge_follows_total', tier ? { tier } : {});

/** How many follows Envoy has answered by itself, as gateway-edge has read of it. */
export const answeredByEnvoy = (): Promise<number> => followsRead('edge');

/** Follows a link until Envoy answers it by itself. */
export async function makeHot(code: string): Promise<void> {
  const before = await answeredByEnvoy();
  const follow = async () => {
    for (let times = 0; times < 5; times++) await call(`/${code}`);
    return answeredByEnvoy();
  };
  await eventually(follow, (count) => count > before, { timeoutMs: 10_000, everyMs: 50 });
}
