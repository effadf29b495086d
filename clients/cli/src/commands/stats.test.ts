import { PassThrough } from 'node:stream';
import { timestampDate } from '@hopline/client';
import { Command } from 'commander';
import { expect, it } from 'vitest';
import { scripted } from '../../../sdk/testing/scripted.ts';
import type { Context } from '../context.ts';
import { terminalOn } from '../terminal.ts';
import { statsCommand } from './stats.ts';

it('days of a range are those of the zone that is named, wherever it stands', async () => {
  const asked: (Date | undefined)[] = [];
  const { hop } = scripted({
    analytics: {
      getWorkspaceStats: ({ from, to }) => {
        asked.push(from && timestampDate(from), to && timestampDate(to));
        return {};
      },
    },
  });
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  const terminal = terminalOn({
    json: true,
    noColor: true,
    variables: {},
    ...(streams as unknown as Record<keyof typeof streams, NodeJS.WriteStream>),
  });
  const context = { hop, terminal, signal: new AbortController().signal } as Context;
  const program = new Command();
  statsCommand(
    program,
    (work) =>
      async (...args) =>
        void (await work(context, ...args.slice(0, -1))),
  );
  await program.parseAsync(['stats', '--from', '2026-01-31', '--timezone', 'Asia/Tokyo', '--to', '2026-02-01T12:00'], {
    from: 'user',
  });
  expect(asked).toEqual([new Date('2026-01-30T15:00Z'), new Date('2026-02-01T03:00Z')]);
});
