// A load in words, for readers who ask why a figure is what it is.
import { kinds } from './ledger.ts';
import type { LoadResult } from './load.ts';

const mostComplaints = 12;
const mostSeconds = 12;
const slowMs = 100;

/** The first answers that were wrong, and the seconds in which answers were slow. */
export function describe({ ledger, complaints }: LoadResult): string[] {
  const seconds = Map.groupBy(ledger.answers, ({ at }) => Math.floor(at / 1_000));
  const slow: string[] = [];
  for (const [second, answers] of seconds) {
    const counts = kinds.flatMap((kind) => {
      const latencies = answers.flatMap((one) => (one.kind === kind && one.latency > slowMs ? [one.latency] : []));
      return latencies.length === 0
        ? []
        : [`${latencies.length} ${kind} up to ${Math.round(Math.max(...latencies))} ms`];
    });
    const time = new Date(second * 1_000).toISOString().slice(11, 19);
    if (counts.length > 0) slow.push(`${time} over ${slowMs} ms: ${counts.join(', ')}`);
  }
  return [...complaints.slice(0, mostComplaints).map(oneLine), ...slow.slice(0, mostSeconds)];
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').slice(0, 200);
