import { execFileSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import os from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  /** Nanoseconds for a read in 16 MiB that depends on the read before: what neighbours leave of the caches that all share. */
  readonly memoryNs: number;
  /** Of the last minute, before the mesh was started. */
  readonly load: number;
  readonly node: string;
  readonly commit: string;
  readonly date: string;
}

export interface Versions {
  readonly envoy: string;
  readonly postgres: string;
}

/** Where and when it is measured; says so where the files are not those of the commit. */
export function machineNow(): Machine {
  const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ', with changes';
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    kernel: `${os.type()} ${os.release()}`,
    memoryNs: memoryNs(),
    load: os.loadavg()[0] ?? Number.NaN,
    node: process.version,
    commit: `${git('rev-parse', '--short', 'HEAD')}${changed}`,
    date: new Date().toISOString(),
  };
}

const PLACES = 4_194_304;
const READS = 4_000_000;
/** Coprime to the number of places, and far enough that no read has a neighbour of the one before. */
const STRIDE = 1_664_525;

function memoryNs(): number {
  const next = new Uint32Array(PLACES);
  for (let at = 0, step = 0; step < PLACES; step++) {
    const to = (Math.imul(at, STRIDE) + 1_013_904_223) & (PLACES - 1);
    next[at] = to;
    at = to;
  }
  let at = 0;
  const before = process.cpuUsage();
  for (let read = 0; read < READS; read++) at = next[at] as number;
  const { user, system } = process.cpuUsage(before);
  return at < 0 ? 0 : Math.round(((user + system) * 1_000) / READS);
}

/** The versions of the mesh's own programs, as those that run say. */
export function versionsOf(pids: ReadonlyMap<string, number>): Versions {
  const of = (part: string): string => {
    const binary = readlinkSync(`/proc/${pids.get(part)}/exe`);
    const text = execFileSync(binary, ['--version'], { encoding: 'utf8', timeout: 10_000 });
    return /\d+\.\d+(\.\d+)?/.exec(text.slice(Math.max(0, text.lastIndexOf('version: '))))?.[0] ?? text.trim();
  };
  return { envoy: of('envoy'), postgres: of('postgres') };
}

function git(...args: string[]): string {
  try {
    return execFileSync('git', args, { encoding: 'utf8', timeout: 10_000 }).trim();
  } catch {
    return 'unknown';
  }
}
