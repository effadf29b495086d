import { expect, it } from 'vitest';
import { harmless, terminalOn } from './terminal.ts';

/** Sets the window's title, clears the window with both forms of the sequence, then reverses the direction of the rest. */
const hostile = '\u001b]0;title\u0007\u001b[2J\u009b2J\u202eabc';

function terminalWith(json: boolean) {
  const written: string[] = [];
  const stream = { isTTY: true, columns: 80, write: (text: string) => written.push(text) > 0 };
  const [stdout, stderr] = [stream, stream] as unknown as NodeJS.WriteStream[];
  if (!stdout || !stderr) throw new Error('There are two.');
  return { terminal: terminalOn({ json, noColor: false, variables: {}, stdout, stderr }), written };
}

it('text of others controls nothing, whoever forgets to make it harmless', () => {
  const { terminal, written } = terminalWith(false);
  terminal.out(`${terminal.paint.red(hostile)} more`);
  terminal.note(`${hostile}\nnext line`);
  expect(written).toEqual(['\u001b[31m ]0;title  [2J 2J abc\u001b[0m more\n', ' ]0;title  [2J 2J abc\nnext line\n']);
});

it('in JSON it stays what it is, and controls nothing', () => {
  const { terminal, written } = terminalWith(true);
  terminal.out(JSON.stringify({ title: hostile }));
  terminal.note(hostile);
  expect(JSON.parse(written[0] ?? '')).toEqual({ title: hostile });
  expect(written.join('')).toMatch(/^[\n\u0020-\u007e]+$/);
});

it('harmless text has no direction of its own for the rest of the line', () => {
  expect(harmless('a\u202eb\u2067c\u200fd')).toBe('a b c\u200fd');
});
