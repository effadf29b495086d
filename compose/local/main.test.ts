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

test('a start that fails says why, and nothing of one that failed before', () => {
  const start = (variables: Record<string, string>) => {
    const main = path.join(import.meta.dirname, 'main.ts');
    const env = { ...process.env, HOP_LOCAL_DIR: local, ...variables };
    return spawnSync(process.execPath, [main, 'start', '--detach'], { env, encoding: 'utf8' }).stderr;
  };
  expect(start({ HOP_PORT_OFFSET: 'far' })).toContain('HOP_PORT_OFFSET is "far"');
  const second = start({ HOP_HTTP_PORT: '99999' });
  expect(second).toContain('HOP_HTTP_PORT is "99999"');
  expect(second).not.toContain('HOP_PORT_OFFSET is');
}, 30_000);
