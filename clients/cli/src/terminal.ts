import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';

type Paint = (text: string) => string;

/** Where a command writes, and what the output supports. */
export interface Terminal {
  /** A line of the result. */
  out(line: string): void;
  /** The result as it is, without a newline. */
  write(bytes: string | Uint8Array): void;
  /** Resolves when the reader of the result has caught up: a long result must not pile up here. Rejects once the signal is aborted. */
  drained(signal: AbortSignal): Promise<void>;
  /** A line for the person besides the result: progress, hints, errors. */
  note(line: string): void;
  /** Replaces the last progress line; shown only to a person. */
  progress(line: string): void;
  readonly json: boolean;
  /** Whether a person is looking at the result, so that it should fit the window. */
  readonly isPerson: boolean;
  /** In columns; infinite if no person is looking. */
  readonly width: number;
  readonly paint: Readonly<Record<'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'whiteOnBlack', Paint>>;
}

interface TerminalOptions {
  readonly json: boolean;
  /** --no-color was given. */
  readonly noColor: boolean;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

const styles = {
  bold: '1',
  dim: '2',
  red: '31',
  green: '32',
  yellow: '33',
  cyan: '36',
  whiteOnBlack: '97;40',
} as const;

export function terminalOn({ json, noColor, variables, stdout, stderr }: TerminalOptions): Terminal {
  const isPerson = stdout.isTTY === true && !json;
  // https://no-color.org: set and not empty, whatever its value. FORCE_COLOR is for pagers such as `less -R`.
  const wanted = variables.FORCE_COLOR ? variables.FORCE_COLOR !== '0' : isPerson && variables.TERM !== 'dumb';
  const color = wanted && !noColor && !variables.NO_COLOR && !json;
  const inStyle =
    (code: string): Paint =>
    (text) =>
      color && text !== '' ? `\u001b[${code}m${text}\u001b[0m` : text;
  return {
    out: (line) => stdout.write(`${line}\n`),
    write: (bytes) => stdout.write(bytes),
    drained: async (signal) => {
      if (stdout.writableNeedDrain) await once(stdout, 'drain', { signal });
    },
    note: (line) => stderr.write(`${line}\n`),
    progress: (line) => {
      if (stderr.isTTY) stderr.write(`\r\u001b[K${line}`);
    },
    json,
    isPerson,
    width: isPerson ? Math.max(40, stdout.columns || 80) : Number.POSITIVE_INFINITY,
    paint: Object.fromEntries(Object.entries(styles).map(([name, code]) => [name, inStyle(code)])) as Terminal['paint'],
  };
}

/** Text written by others, such as a title, must not control the terminal. */
export const harmless = (text: string): string => stripVTControlCharacters(text).replace(/\p{Cc}/gu, ' ');
