import type { Circumstances } from '../results.ts';

/** When and where, one line for each run. */
export function circumstances(runs: readonly Circumstances[]): string {
  const different = new Map(runs.map((run) => [run.machine.date, run]));
  return [...different.values()].map(lineOf).join('\n');
}

function lineOf({ machine, seconds }: Circumstances): string {
  const { date, commit, cpu, cores, memoryGb, memoryNs, kernel, node, envoy, postgres, load } = machine;
  const when = `${date.slice(0, 16).replace('T', ' ')} UTC, commit ${commit}, loads of ${seconds} s.`;
  const where = `${cpu}, ${cores} cores, ${memoryGb} GB (${memoryNs} ns a read), ${kernel}; load average ${load.toFixed(1)} at the start.`;
  return `- ${when} ${where} Node ${node}, Envoy ${envoy}, Postgres ${postgres}.`;
}
