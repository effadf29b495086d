import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '#runtime/testing/temporary-directory.ts';

const local = temporaryDirectory();

test('a command whose reader has gone away ends as it would have otherwise, without a stack', () => {
  const command = `"${process.execPath}" "${path.join(import.meta.dirname, 'main.ts')}" status | true; echo "$PIPESTATUS"`;
  const env = { ...process.env, HOP_LOCAL_DIR: local };
  const { stdout, stderr } = spawnSync('bash', ['-c', command], { env, encoding: 'utf8' });
  expect([stdout, stderr]).toEqual(['3\n', '']);
});
