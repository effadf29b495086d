import { createInterface } from 'node:readline';
import { create, type MessageInitShape, mergeFromJson } from '@bufbuild/protobuf';
import { CreateLinkRequestSchema, HoplineError, type Link, LinkSchema } from '@hopline/client';
import { explain } from '../advice.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { inOrder } from '../in-order.ts';
import { errorLine, jsonLine } from '../output/json.ts';

interface ManyOptions {
  readonly concurrency: number;
  readonly key?: string;
}

/** What all lines have in common. */
type Common = MessageInitShape<typeof CreateLinkRequestSchema>;

interface Line {
  readonly number: number;
  readonly text: string;
}

interface Outcome {
  readonly line: Line;
  readonly link?: Link;
  readonly error?: unknown;
}

/** How long a link may take: the installation may ask to wait when it is busy. */
const timeoutMs = 60_000;
/** Without credentials, or without an installation, no later line will do better. */
const hopeless: ReadonlySet<string> = new Set([
  'UNREACHABLE',
  'CREDENTIALS_MISSING',
  'CREDENTIALS_INVALID',
  'CREDENTIALS_EXPIRED',
  'SCOPE_MISSING',
]);

/** Makes a link for each line of the input, some at once, and says each in the order of the input. */
export async function createMany(context: Context, common: Common, options: ManyOptions): Promise<number> {
  const { terminal, signal } = context;
  const tally = { made: 0, failed: 0, startedMs: Date.now() };
  const ended = new AbortController();
  const lines = inputLines(AbortSignal.any([signal, ended.signal]));
  if (process.stdin.isTTY) terminal.note('A URL on each line, then perhaps an alias. Ctrl-D ends.');
  try {
    for await (const outcome of inOrder(lines, options.concurrency, (line) =>
      createOne(context, common, options, line),
    )) {
      terminal.progress('');
      tell(outcome, context, tally);
      terminal.progress(`${progressText(tally)} …`);
    }
  } finally {
    // Also where the rest of the input is not wanted any more.
    ended.abort();
  }
  terminal.progress('');
  if (!terminal.json) terminal.note(progressText(tally));
  if (signal.aborted) return exitCodes.interrupted;
  return tally.failed > 0 ? exitCodes.someFailed : exitCodes.ok;
}

interface Tally {
  made: number;
  failed: number;
  readonly startedMs: number;
}

/** Says what became of a line; throws where no later one will do better. */
function tell({ line, link, error }: Outcome, { terminal, signal, url }: Context, tally: Tally): void {
  if (link) {
    tally.made += 1;
    terminal.out(terminal.json ? jsonLine(LinkSchema, link) : link.shortUrl);
    return;
  }
  if (signal.aborted || isHopeless(error)) throw error;
  tally.failed += 1;
  if (terminal.json)
    terminal.note(errorLine(error instanceof Error ? error : new Error(String(error)), { line: line.number }));
  else terminal.note(`line ${line.number}: ${wordsOf(error, url)}`);
}

const isHopeless = (error: unknown) => error instanceof HoplineError && hopeless.has(error.reason);

const wordsOf = (error: unknown, url: string): string =>
  error instanceof HoplineError ? explain(error, url).join('\n  ') : `not a link to make: ${(error as Error).message}`;

function progressText({ made, failed, startedMs }: Tally): string {
  const rate = (made + failed) / Math.max(0.001, (Date.now() - startedMs) / 1_000);
  return `${made.toLocaleString('en')} made, ${failed.toLocaleString('en')} failed, ${rate.toFixed(0)} a second`;
}

/** The lines of the input that say something, until it or the signal ends them. */
async function* inputLines(signal: AbortSignal): AsyncGenerator<Line> {
  let number = 0;
  const input = { input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY, signal };
  for await (const raw of createInterface(input)) {
    number += 1;
    const text = raw.trim();
    if (text !== '' && !text.startsWith('#')) yield { number, text };
  }
}

async function createOne({ hop, signal }: Context, common: Common, { key }: ManyOptions, line: Line): Promise<Outcome> {
  try {
    const headers = key === undefined ? {} : { headers: { 'idempotency-key': `${key}:${line.number}` } };
    const link = await hop.links.createLink(requestOf(line.text, common), { signal, timeoutMs, ...headers });
    return { line, link };
  } catch (error) {
    return { line, error };
  }
}

/** `URL [alias]`, or the JSON of the REST call; what it does not name is as the options say. */
function requestOf(text: string, common: Common) {
  if (text.startsWith('{'))
    return mergeFromJson(CreateLinkRequestSchema, create(CreateLinkRequestSchema, common), JSON.parse(text));
  const [longUrl = '', alias] = text.split(/\s+/);
  return create(CreateLinkRequestSchema, { ...common, longUrl, ...(alias === undefined ? {} : { alias }) });
}
