// CPU time of processes, from /proc: nanoseconds that the scheduler gave to each of their threads.
import { readdirSync, readFileSync } from 'node:fs';

/** Nanoseconds per thread, by `pid/tid`. */
type Threads = ReadonlyMap<string, number>;

export interface CpuSnapshot {
  readonly parts: ReadonlyMap<string, Threads>;
  /** Time that the whole machine was not idle, and that the hypervisor took, in microseconds (in steps of 10 ms). */
  readonly busyUs: number;
  readonly stolenUs: number;
}

export interface CpuUse {
  /** Microseconds of CPU per part. */
  readonly parts: Readonly<Record<string, number>>;
  /** Microseconds that the machine spent on anything else: the kernel for itself, and other programs. */
  readonly elsewhere: number;
  readonly stolen: number;
}

const TICK_US = 10_000;

/** The parts with their process; the descendants of each are its own. */
export function readCpu(pids: ReadonlyMap<string, number>): CpuSnapshot {
  const parts = new Map([...pids].map(([part, pid]) => [part, threadsOf(pid)]));
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (
    readFileSync('/proc/stat', 'utf8').split('\n')[0] as string
  )
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return { parts, busyUs: (user + nice + system + irq + softirq) * TICK_US, stolenUs: steal * TICK_US };
}

/** What was used between two snapshots; a thread that began in between counts from its beginning. */
export function cpuBetween(before: CpuSnapshot, after: CpuSnapshot): CpuUse {
  const parts: Record<string, number> = {};
  for (const [part, threads] of after.parts) {
    const known = before.parts.get(part);
    let ns = 0;
    for (const [thread, total] of threads) ns += total - (known?.get(thread) ?? 0);
    parts[part] = ns / 1_000;
  }
  const known = Object.values(parts).reduce((sum, us) => sum + us, 0);
  const elsewhere = Math.max(0, after.busyUs - before.busyUs - known);
  return { parts, elsewhere, stolen: after.stolenUs - before.stolenUs };
}

function threadsOf(root: number): Threads {
  const threads = new Map<string, number>();
  addProcess(root, threads);
  return threads;
}

function addProcess(pid: number, threads: Map<string, number>): void {
  for (const tid of entriesOf(`/proc/${pid}/task`)) {
    const task = `/proc/${pid}/task/${tid}`;
    const ran = textOf(`${task}/schedstat`).split(' ')[0];
    if (ran) threads.set(`${pid}/${tid}`, Number(ran));
    for (const child of textOf(`${task}/children`).split(' ')) if (child) addProcess(Number(child), threads);
  }
}

function entriesOf(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

/** The empty text when the process or thread is gone. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
