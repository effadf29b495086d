// What the mesh counts of itself.
import type { Ports } from '../../compose/local/ports/ports.ts';

const TIMEOUT_MS = 5_000;

export interface Counters {
  /** Answers of the resolvers so far, by tier. */
  tiers(): Promise<Record<string, number>>;
  /** Requests that Envoy's public door has seen so far. */
  envoyRequests(): Promise<number>;
  /** Requests that Envoy has sent to resolvers so far: what it did not answer by itself. */
  resolverRequests(): Promise<number>;
  /** Bytes that Envoy has allocated. */
  envoyBytes(): Promise<number>;
  /** Entries of the hot set. */
  hotEntries(): Promise<number>;
  /** Pushes of the hot set that Envoy acknowledged so far, and what they took together. */
  pushes(): Promise<Pushes>;
}

export interface Pushes {
  readonly count: number;
  readonly seconds: number;
}

export function countersOf(ports: Ports): Counters {
  const admin = `http://127.0.0.1:${ports['envoy-admin']}`;
  const edge = metricsOf(ports['gateway-edge-metrics']);
  const resolvers = [ports['resolver-1-metrics'], ports['resolver-2-metrics']];
  return {
    tiers: () => tiersOf(resolvers),
    envoyRequests: () => counterOf(admin, 'http.public.downstream_rq_total'),
    resolverRequests: () => counterOf(admin, 'cluster.resolver.upstream_rq_total'),
    envoyBytes: async () => Number((JSON.parse(await textOf(`${admin}/memory`)) as { allocated: string }).allocated),
    hotEntries: async () => sumOf(await textOf(edge), 'hop_edge_hot_set_entries'),
    pushes: async () => {
      const [text, name] = [await textOf(edge), 'hop_edge_hot_set_push_duration_seconds'];
      return { count: sumOf(text, `${name}_count`), seconds: sumOf(text, `${name}_sum`) };
    },
  };
}

const metricsOf = (port: number): string => `http://127.0.0.1:${port}/metrics`;

async function textOf(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  return response.text();
}

function sumOf(text: string, metric: string): number {
  const samples = [...text.matchAll(/^(\w+)(?:\{.*\})? (\S+)/gm)].filter(([, name]) => name === metric);
  return samples.reduce((sum, [, , value]) => sum + Number(value), 0);
}

async function tiersOf(ports: readonly number[]): Promise<Record<string, number>> {
  const tiers: Record<string, number> = {};
  for (const port of ports) {
    for (const [, labels = '', count] of (await textOf(metricsOf(port))).matchAll(
      /^hop_resolver_resolutions_total\{(.*)\} (\d+)/gm,
    )) {
      const tier = /tier="([^"]*)"/.exec(labels)?.[1] ?? '';
      tiers[tier] = (tiers[tier] ?? 0) + Number(count);
    }
  }
  return tiers;
}

async function counterOf(admin: string, name: string): Promise<number> {
  const text = await textOf(`${admin}/stats?filter=^${name}$`);
  const count = /: (\d+)/.exec(text)?.[1];
  if (count === undefined) throw new Error(`Envoy does not count ${name}: ${text}`);
  return Number(count);
}
