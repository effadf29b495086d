import { parseArgs } from 'node:util';
import { type PartName, partNames, shapeOf } from '../graph.ts';
import { type Layout, layoutOf } from '../layout.ts';
import { liveSupervisor, type MeshState, readState } from '../mesh-state.ts';
import { describePostgres } from '../postgres/status.ts';
import { livePart } from '../supervisor/pid-files.ts';
import { type Memory, memoryOf } from '../supervisor/processes.ts';

const MIB = 1024 * 1024;
const HEADINGS = ['part', 'pid', 'state', 'uptime', 'restarts', 'rss', 'pss', 'port'];

/** `npm run status`: a table of the parts; exit code 0 when the mesh is ready, 1 when it is not, 3 when none is running. */
export async function status(args: string[]): Promise<number> {
  parseArgs({ args });
  const layout = layoutOf();
  const supervisor = liveSupervisor(layout);
  const state = readState(layout);
  const names = partNames.filter((name) => livePart(layout, name) !== undefined || (supervisor && partIn(state, name)));
  if (names.length === 0 && supervisor === undefined) {
    process.stdout.write('No mesh is running. Start one: npm start\n');
    return 3;
  }
  process.stdout.write(table(rows(layout, names, state, supervisor?.pid)));
  if (state !== undefined && names.includes('postgres'))
    process.stdout.write(`\n${(await describePostgres(layout, state.ports)).join('\n')}\n`);
  if (supervisor === undefined)
    process.stdout.write('\nThe supervisor is gone: npm start cleans up and starts anew, npm stop stops the rest.\n');
  else process.stdout.write(`\n${standingOf(state)}: ${state?.publicUrl ?? ''}\n`);
  return supervisor !== undefined && standingOf(state) === 'ready' ? 0 : 1;
}

/** `ready`, or why the mesh is not: after a failover, for example, because the new replica is still being created. */
function standingOf(state: MeshState | undefined): string {
  if (state?.phase !== 'ready') return state?.phase ?? 'starting';
  const others = state.parts.filter((part) => part.status !== 'ready');
  if (others.length === 0) return 'ready';
  return `not ready, for ${others.map((part) => `${part.name} is ${part.status}`).join(', ')}`;
}

const partIn = (state: MeshState | undefined, name: PartName): MeshState['parts'][number] | undefined =>
  state?.parts.find((part) => part.name === name);

function rows(
  layout: Layout,
  names: readonly PartName[],
  state: MeshState | undefined,
  supervisor: number | undefined,
): string[][] {
  const pids = new Map(names.map((name) => [name, livePart(layout, name)?.pid]));
  const all = [...pids.values(), supervisor].filter((pid) => pid !== undefined);
  const memory = memoryOf(all);
  // The parts are the supervisor's descendants; its own memory is the remainder.
  const sum = totalOf(names.flatMap((name) => memory.get(pids.get(name) ?? -1) ?? []));
  const lines = names.map((name) => {
    const own = partIn(state, name);
    const pid = pids.get(name);
    const what = supervisor === undefined ? 'left over' : (own?.status ?? 'unknown');
    const up = pid === undefined || own?.since === undefined ? '' : duration(Date.now() - own.since);
    const port = own?.port ?? state?.ports[shapeOf(name).ports[0] ?? name];
    return [name, `${pid ?? ''}`, what, up, `${own?.restarts ?? 0}`, ...mib(memory.get(pid ?? -1)), `${port ?? ''}`];
  });
  const own = supervisor === undefined ? undefined : minus(memory.get(supervisor), sum);
  if (supervisor !== undefined) lines.push(['supervisor', `${supervisor}`, '', '', '', ...mib(own), '']);
  lines.push(['all', '', '', '', '', ...mib(totalOf([sum, own ?? { rss: 0, pss: 0 }])), '']);
  return lines;
}

function totalOf(list: readonly Memory[]): Memory {
  return list.reduce((sum, { rss, pss }) => ({ rss: sum.rss + rss, pss: sum.pss + pss }), { rss: 0, pss: 0 });
}

function minus(whole: Memory | undefined, parts: Memory): Memory {
  return { rss: Math.max(0, (whole?.rss ?? 0) - parts.rss), pss: Math.max(0, (whole?.pss ?? 0) - parts.pss) };
}

function mib(memory: Memory | undefined): [string, string] {
  return memory === undefined
    ? ['', '']
    : [`${Math.round(memory.rss / MIB)} MiB`, `${Math.round(memory.pss / MIB)} MiB`];
}

/** `45 s`, `12 min`, `3 h 5 min`. */
function duration(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes === 0) return `${Math.floor(ms / 1000)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function table(lines: readonly string[][]): string {
  const all = [HEADINGS, ...lines];
  const widths = HEADINGS.map((_, column) => Math.max(...all.map((line) => (line[column] ?? '').length)));
  const words = (line: readonly string[]): string[] =>
    line.map((cell, column) =>
      column === 0 || column === 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
  return all.map((line) => `${words(line).join('  ').trimEnd()}\n`).join('');
}
