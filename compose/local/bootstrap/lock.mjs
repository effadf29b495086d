// One install at a time per checkout: two terminals, or a test run beside a mesh, may start at once.
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 250;
const PATIENCE_MS = 15 * 60_000;

/** Runs `work` while holding the lock file; a lock whose owner is gone is taken over. */
export async function withLock(file, work, onWait = () => {}) {
  mkdirSync(path.dirname(file), { recursive: true });
  const deadline = Date.now() + PATIENCE_MS;
  for (let told = false; !acquire(file); told = true) {
    if (!told) onWait(owner(file));
    if (Date.now() > deadline)
      throw new Error(`${file} is still held by process ${owner(file)}; remove it if that process is not an install`);
    await sleep(POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** The lock is a link to a file that says whose it is: one that is still empty would look as if its owner were gone. */
function acquire(file) {
  const own = `${file}.${randomUUID()}`;
  writeFileSync(own, `${process.pid}\n`);
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (!alive(owner(file))) rmSync(file, { force: true });
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

function owner(file) {
  try {
    return Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    return 0;
  }
}

function alive(pid) {
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
