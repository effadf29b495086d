import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A directory that is gone when the tests of the file are over; to be called outside of tests. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'hopline-test-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
