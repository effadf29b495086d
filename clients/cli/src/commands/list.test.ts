import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { expect, it, vi } from 'vitest';
import { scripted } from '../../../sdk/testing/scripted.ts';
import type { Context } from '../context.ts';
import { terminalOn } from '../terminal.ts';
import { listCommand } from './list.ts';

it('asks for no more links than the reader of the output takes', async () => {
  let pages = 0;
  const { hop } = scripted({
    links: {
      listLinks: () => {
        pages += 1;
        const urls = Array.from({ length: 200 }, (_, index) => ({ code: `code-${index}` }));
        return { urls, nextPageToken: pages < 20 ? String(pages) : '' };
      },
    },
  });
  const stdout = new PassThrough({ highWaterMark: 1_024 });
  const streams = { stdout, stderr: new PassThrough() } as unknown as Record<'stdout' | 'stderr', NodeJS.WriteStream>;
  const terminal = terminalOn({ json: true, noColor: true, variables: {}, ...streams });
  const program = new Command();
  const context = { hop, terminal, signal: new AbortController().signal } as Context;
  listCommand(
    program,
    (work) =>
      async (...args) =>
        void (await work(context, ...args.slice(0, -1))),
  );

  const listed = program.parseAsync(['ls', '--all'], { from: 'user' });
  await vi.waitFor(() => expect(stdout.writableNeedDrain).toBe(true));
  // Turns of the loop in which a command that does not wait would go on.
  for (let turn = 0; turn < 1_000; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(pages).toBe(1);
  let lines = 0;
  stdout.on('data', (chunk: Buffer) => {
    lines += String(chunk).split('\n').length - 1;
  });
  await listed;
  await vi.waitFor(() => expect(lines).toBe(20 * 200));
});
