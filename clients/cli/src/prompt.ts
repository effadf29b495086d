import { createInterface as createLines } from 'node:readline';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { UsageError } from './usage-error.ts';

/** Asks a question on stderr, so that only the command's result is on stdout. */
export const ask = (question: string, signal: AbortSignal): Promise<string> => prompt(question, process.stderr, signal);

/** The same without showing what is typed. */
export async function askSecret(question: string, signal: AbortSignal): Promise<string> {
  process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const answer = await prompt('', silent, signal);
  process.stderr.write('\n');
  return answer;
}

async function prompt(question: string, output: NodeJS.WritableStream, signal: AbortSignal): Promise<string> {
  const lines = createInterface({ input: process.stdin, output, terminal: true });
  // In this mode Ctrl-C arrives as a key, not as a signal.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    return await lines.question(question, { signal });
  } finally {
    lines.close();
  }
}

/** What nobody can answer is refused, with the options that say it instead. */
export function refuseWithoutTerminal(instead: string): void {
  if (!process.stdin.isTTY) throw new UsageError(`There is no terminal to ask in. Give ${instead}.`);
}

/** The first line of the input, untrimmed: a password may begin or end with white space. */
export async function firstLine(signal: AbortSignal, input: NodeJS.ReadableStream = process.stdin): Promise<string> {
  const [line] = await firstLines(1, signal, input);
  if (line === undefined) throw new Error('The input is empty.');
  return line;
}

/** Up to this many lines. */
export async function firstLines(
  count: number,
  signal: AbortSignal,
  input: NodeJS.ReadableStream = process.stdin,
): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of createLines({ input, signal })) {
    lines.push(line);
    if (lines.length === count) break;
  }
  return lines;
}
