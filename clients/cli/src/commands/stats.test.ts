import { PassThrough } from 'node:stream';
import { LinkStatsSchema, timestampDate } from '@hopline/client';
import { Command } from 'commander';
import { expect, it } from 'vitest';
import { scripted } from '../../../sdk/testing/scripted.ts';
import type { Context } from '../context.ts';
import { terminalOn } from '../terminal.ts';
import { statsCommand } from './stats.ts';

type Script = NonNullable<Parameters<typeof scripted>[0]['analytics']>;

/** Runs `hop stats` on an installation that answers as the test says; what it writes for people, or as JSON. */
async function stats(args: readonly string[], analytics: Script, json = false): Promise<string> {
  const { hop } = scripted({ analytics });
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  const terminal = terminalOn({
    json,
    noColor: true,
    variables: {},
    ...(streams as unknown as Record<keyof typeof streams, NodeJS.WriteStream>),
  });
  const context = { hop, terminal, signal: new AbortController().signal } as Context;
  const program = new Command();
  statsCommand(
    program,
    (work) =>
      async (...of) =>
        void (await work(context, ...of.slice(0, -1))),
  );
  await program.parseAsync(['stats', ...args], { from: 'user' });
  return String(streams.stdout.read() ?? '');
}

it('days of a range are those of the zone that is named, wherever it stands', async () => {
  const asked: (Date | undefined)[] = [];
  const getWorkspaceStats: Script['getWorkspaceStats'] = ({ from, to }) => {
    asked.push(from && timestampDate(from), to && timestampDate(to));
    return {};
  };
  const range = ['--from', '2026-01-31', '--timezone', 'Asia/Tokyo', '--to', '2026-02-01T12:00'];
  await stats(range, { getWorkspaceStats }, true);
  expect(asked).toEqual([new Date('2026-01-30T15:00Z'), new Date('2026-02-01T03:00Z')]);
});

it('nothing stands under no heading', async () => {
  expect(await stats(['spring'], { getLinkStats: () => ({}) })).toBe('0 clicks by 0 visitors\n');
});

it('every breakdown of the contract is shown', async () => {
  const breakdowns = LinkStatsSchema.fields.filter(({ message }) => message?.name === 'Breakdown');
  expect(breakdowns.length).toBeGreaterThan(5);
  const shareOf = ({ number }: (typeof breakdowns)[number]): string => `value ${number}`;
  const shares = Object.fromEntries(
    breakdowns.map((field) => [field.localName, [{ value: shareOf(field), clicks: 1 }]]),
  );
  const shown = await stats(['spring'], { getLinkStats: () => ({ clicks: 1, ...shares }) });
  expect(breakdowns.map(shareOf).filter((value) => !shown.includes(value))).toEqual([]);
});
