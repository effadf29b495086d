import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { selfTimes } from './flame-graph.ts';
import { profileNode } from './inspector.ts';

it('finds where another process spends its time', async () => {
  const spin = 'function spin() { for (const end = Date.now() + 20; Date.now() < end; ); }';
  const script = `${spin} process.stdin.once('data', () => setInterval(spin, 25)); process.stdout.write('up')`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'ignore'] });
  try {
    await once(child.stdout, 'data');
    const begin = async () => child.stdin.write('go');
    const frames = await profileNode(child.pid as number, begin, () => sleep(500));
    const named = selfTimes(frames, 3).map(({ name }) => name);
    expect(named).toContain('spin');
    expect(named).not.toContain('(idle)');
  } finally {
    child.kill('SIGKILL');
  }
});
