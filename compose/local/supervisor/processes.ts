// What the operating system knows about a process: whether a pid is still the process that we started, and its memory.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the system's own format; two processes with the same pid differ in it. */
  readonly startedAt: string;
}

const LINUX = process.platform === 'linux';
const PS_TIMEOUT_MS = 5_000;
/** Without privileges the niceness of sessions can be set ten times a second, by all processes together. */
const GROUP_TRIES = 10;
const GROUP_RETRY_MS = 130;

/** The identity of a live process; undefined when it is gone or only a zombie. */
export function identify(pid: number): ProcessIdentity | undefined {
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const startedAt = LINUX ? linuxStart(pid) : psField(pid, 'lstart=');
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startedAt === identity.startedAt;
}

/** The command line of a process, for people. */
export function commandOf(pid: number): string {
  if (!LINUX) return psField(pid, 'command=') ?? 'unknown command';
  const text = readText(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ').trim();
  return text || readText(`/proc/${pid}/comm`)?.trim() || 'unknown command';
}

/** Sends a signal; false when the process is gone. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/**
 * Gives the session that a process leads a niceness. Where Linux schedules sessions as groups (`kernel.sched_autogroup_enabled`, see sched(7)),
 * the niceness of a process counts only within its own session; elsewhere there is no such file, and nothing to do.
 */
export async function yieldAsGroup(pid: number, niceness: number): Promise<void> {
  for (let attempt = 1; niceness !== 0 && attempt <= GROUP_TRIES; attempt += 1) {
    try {
      return writeFileSync(`/proc/${pid}/autogroup`, String(niceness), { flag: 'r+' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      await sleep(GROUP_RETRY_MS, undefined, { ref: false });
    }
  }
}

function linuxStart(pid: number): string | undefined {
  const stat = statFields(pid);
  if (stat === undefined || stat[0] === 'Z' || stat[0] === 'X') return undefined;
  const boot = readText('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
  return `${boot}/${stat[19]}`;
}

/** The fields of /proc/<pid>/stat from the third (state) on; the name before them may contain spaces and brackets. */
function statFields(pid: number): string[] | undefined {
  const text = readText(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function psField(pid: number, field: string): string | undefined {
  try {
    const text = execFileSync('ps', ['-o', field, '-p', String(pid)], {
      encoding: 'utf8',
      timeout: PS_TIMEOUT_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return text.trim() || undefined;
  } catch {
    return undefined;
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** A process and all of its descendants that are alive now. */
export function familyOf(pid: number): ProcessIdentity[] {
  return descendants(pid, childTable()).flatMap((member) => identify(member) ?? []);
}

function descendants(pid: number, children: ReadonlyMap<number, readonly number[]>): number[] {
  return [pid, ...(children.get(pid) ?? []).flatMap((child) => descendants(child, children))];
}

export interface Memory {
  /** Resident memory of the process and its descendants, in bytes; shared pages are counted in each. */
  readonly rss: number;
  /** The same with shared pages divided among their users; equal to rss where the system does not tell. */
  readonly pss: number;
}

/** Memory of each process together with all of its descendants. */
export function memoryOf(pids: readonly number[]): Map<number, Memory> {
  const children = childTable();
  const result = new Map<number, Memory>();
  for (const pid of pids) {
    let rss = 0;
    let pss = 0;
    for (const member of descendants(pid, children)) {
      const own = ownMemory(member);
      rss += own.rss;
      pss += own.pss;
    }
    result.set(pid, { rss, pss });
  }
  return result;
}

function ownMemory(pid: number): Memory {
  if (!LINUX) {
    const rss = Number(psField(pid, 'rss=') ?? 0) * 1024;
    return { rss, pss: rss };
  }
  const rss = kibibytes(readText(`/proc/${pid}/status`), 'VmRSS');
  return { rss, pss: kibibytes(readText(`/proc/${pid}/smaps_rollup`), 'Pss') || rss };
}

function kibibytes(text: string | undefined, field: string): number {
  return Number(text?.match(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm'))?.[1] ?? 0) * 1024;
}

function childTable(): Map<number, number[]> {
  const table = new Map<number, number[]>();
  for (const [pid, parent] of LINUX ? linuxParents() : psParents()) {
    table.set(parent, [...(table.get(parent) ?? []), pid]);
  }
  return table;
}

function linuxParents(): [number, number][] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => [Number(pid), Number(statFields(Number(pid))?.[1] ?? 0)]);
}

function psParents(): [number, number][] {
  const text = execFileSync('ps', ['-axo', 'pid=,ppid='], { encoding: 'utf8', timeout: PS_TIMEOUT_MS });
  return text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
}
