// Takes a CPU profile of any process with Linux perf, where there is one: the way for Envoy, Valkey and Postgres.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { addUp, childOf, type Frame, newFrame } from './flame-graph.ts';

const HERTZ = '499';

/** Profiles while `work` runs. Throws where perf is not there or not allowed. */
export async function profileWithPerf(
  pid: number,
  warmUp: () => Promise<unknown>,
  work: () => Promise<unknown>,
): Promise<Frame> {
  if (spawnSync('perf', ['stat', '-e', 'cpu-clock', 'true']).status !== 0)
    throw new Error("perf is not there or not allowed: only this machine's own Node processes can be profiled.");
  await warmUp();
  const dir = mkdtempSync(path.join(os.tmpdir(), 'hop-perf-'));
  const data = path.join(dir, 'perf.data');
  try {
    const record = ['record', '-e', 'cpu-clock', '-F', HERTZ, '-g', '-o', data, '-p', String(pid)];
    const perf = spawn('perf', record, { stdio: 'ignore' });
    const ended = once(perf, 'exit');
    await work();
    perf.kill('SIGINT');
    await ended;
    const script = ['script', '-i', data, '-F', 'ip,sym,dso'];
    return stacksOf(execFileSync('perf', script, { encoding: 'utf8', maxBuffer: 2 ** 30, stdio: 'pipe' }));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** perf's text: a stack per paragraph, the innermost function first, `<address> <symbol> (<file>)`. */
export function stacksOf(text: string): Frame {
  const root = newFrame('all');
  for (const paragraph of text.split('\n\n')) {
    const lines = [...paragraph.matchAll(/^\s*[0-9a-f]+ (.+) \((.*)\)$/gm)].reverse();
    let frame = root;
    for (const [, symbol = '', file = ''] of lines)
      frame = childOf(frame, symbol.replace(/\+0x.*$/, ''), path.basename(file));
    frame.self++;
  }
  root.self = 0;
  addUp(root);
  return root;
}
