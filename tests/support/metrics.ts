// What a process says of itself to Prometheus.
import { setTimeout as sleep } from 'node:timers/promises';

type Labels = Readonly<Record<string, string>>;

/** The sum of a metric's samples that carry these labels; undefined where there is none. */
export function sumOf(exposition: string, metric: string, labels: Labels = {}): number | undefined {
  let sum: number | undefined;
  for (const line of exposition.split('\n')) {
    const [, name, inner = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
    if (name !== metric) continue;
    if (!Object.entries(labels).every(([label, wanted]) => inner.includes(`${label}="${wanted}"`))) continue;
    sum = (sum ?? 0) + Number(value);
  }
  return sum;
}

/** Undefined while the process does not answer. */
export const scrape = (port: number): Promise<string | undefined> => read(port, 1_000).catch(() => undefined);

/** The sum of the samples of a process that is there to answer; 0 where there is none. */
export const figureOf = async (port: number, metric: string, labels: Labels = {}): Promise<number> =>
  sumOf(await read(port, 10_000), metric, labels) ?? 0;

async function read(port: number, timeoutMs: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(timeoutMs) });
  return answer.text();
}

export interface Sample {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly value: number | undefined;
}

/** Reads one figure of a process again and again until stopped; answers the changes of it, the first reading among them. */
export function follow(port: number, metric: string, labels: Labels = {}, everyMs = 50): { stop(): Promise<Sample[]> } {
  const samples: Sample[] = [];
  let stopped = false;
  const run = async (): Promise<void> => {
    while (!stopped) {
      const exposition = await scrape(port);
      const value = exposition === undefined ? undefined : sumOf(exposition, metric, labels);
      if (samples.length === 0 || samples.at(-1)?.value !== value) samples.push({ at: Date.now(), value });
      await sleep(everyMs);
    }
  };
  const running = run();
  return {
    async stop() {
      stopped = true;
      await running;
      return samples;
    },
  };
}
