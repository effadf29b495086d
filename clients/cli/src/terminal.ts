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
  const shown = json ? escaped : guarded;
  return {
    out: (line) => stdout.write(`${shown(line)}\n`),
    write: (bytes) => stdout.write(bytes),
    drained: async (signal) => {
      if (stdout.writableNeedDrain) await once(stdout, 'drain', { signal });
    },
    note: (line) => stderr.write(`${shown(line)}\n`),
    progress: (line) => {
      if (stderr.isTTY) stderr.write(`\r\u001b[K${line}`);
    },
    json,
    isPerson,
    width: isPerson ? Math.max(40, stdout.columns || 80) : Number.POSITIVE_INFINITY,
    paint: Object.fromEntries(Object.entries(styles).map(([name, code]) => [name, inStyle(code)])) as Terminal['paint'],
  };
}

/** Control characters, and those that change the direction of what follows: they could control the terminal, or show a line as another. */
const unsafe = String.raw`[\p{Cc}\u202a-\u202e\u2066-\u2069]`;
const unsafeCharacters = new RegExp(unsafe, 'gu');

/** Text written by others, such as a title, as a part of a line. */
export const harmless = (text: string): string => stripVTControlCharacters(text).replace(unsafeCharacters, ' ');

const styleSequence = String.raw`\u001b\[(?:0|${Object.values(styles).join('|')})m`;
const unsafeInLines = new RegExp(`(${styleSequence}|\\n)|${unsafe}`, 'gu');

/** Lines with nothing unsafe but line ends and the styles of this program, whatever the installation answered. */
const guarded = (lines: string): string => lines.replace(unsafeInLines, (_, own?: string) => own ?? ' ');

/** The same for JSON, which says the same with escapes. */
const escaped = (json: string): string =>
  json.replace(unsafeCharacters, (one) =>
    one === '\n' ? one : `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
