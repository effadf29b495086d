import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '#runtime/testing/temporary-directory.ts';
import { layoutOf, makeFolders } from '../layout.ts';
import { logFile } from './log-files.ts';
import { PartRunner } from './runner.ts';

test('a part that would not start says what its process wrote, and nothing of what another day is in its log', async () => {
  const layout = layoutOf(temporaryDirectory());
  makeFolders(layout);
  writeFileSync(logFile(layout, 'link'), 'of another day\n');
  const script = 'console.error("HOP_X is wrong"); process.exit(78)';
  const part = {
    name: 'link',
    prepare: () => {},
    command: () => ({ file: process.execPath, args: ['--eval', script], env: {}, cwd: layout.local }),
    ready: async () => false,
  } as const;
  const runner = new PartRunner(part, layout, { report: () => {}, changed: () => {} });
  await expect(runner.start()).rejects.toThrow(
    /^link ended with code 78 before it was ready\.\nThe end of its log:\nHOP_X is wrong$/,
  );
  await runner.stop();
});

test.runIf(existsSync('/proc/self/autogroup'))('a part that yields does so as a session, too', async () => {
  const layout = layoutOf(temporaryDirectory());
  makeFolders(layout);
  const part = {
    name: 'analytics',
    prepare: () => {},
    command: () => ({
      file: process.execPath,
      args: ['--eval', 'setInterval(() => {}, 1000)'],
      env: {},
      cwd: layout.local,
    }),
    ready: async () => true,
  } as const;
  const runner = new PartRunner(part, layout, { report: () => {}, changed: () => {} });
  await runner.start();
  await expect.poll(() => readFileSync(`/proc/${runner.pid}/autogroup`, 'utf8')).toMatch(/ nice 10$/m);
  await runner.stop();
});
