import { createInterface } from 'node:readline';
import { create, type MessageInitShape, mergeFromJson } from '@bufbuild/protobuf';
import { CreateLinkRequestSchema, HoplineError, type Link, LinkSchema } from '@hopline/client';
import { explain } from '../advice.ts';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { inOrder } from '../in-order.ts';
import { jsonLine } from '../output/json.ts';

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
  for await (const outcome of inOrder(inputLines(), options.concurrency, (line) =>
    createOne(context, common, options, line),
  )) {
    terminal.progress('');
    if (outcome.link) {
      tally.made += 1;
      terminal.out(terminal.json ? jsonLine(LinkSchema, outcome.link) : outcome.link.shortUrl);
    } else {
      if (signal.aborted || isHopeless(outcome.error)) throw outcome.error;
      tally.failed += 1;
      terminal.note(`line ${outcome.line.number}: ${wordsOf(outcome.error, context.url)}`);
    }
    terminal.progress(`${progressText(tally)} …`);
  }
  terminal.progress('');
  terminal.note(progressText(tally));
  return tally.failed > 0 ? exitCodes.someFailed : exitCodes.ok;
}

const isHopeless = (error: unknown) => error instanceof HoplineError && hopeless.has(error.reason);

const wordsOf = (error: unknown, url: string): string =>
  error instanceof HoplineError ? explain(error, url).join('\n  ') : `not a link to make: ${(error as Error).message}`;

function progressText({ made, failed, startedMs }: { made: number; failed: number; startedMs: number }): string {
  const rate = (made + failed) / Math.max(0.001, (Date.now() - startedMs) / 1_000);
  return `${made.toLocaleString('en')} made, ${failed.toLocaleString('en')} failed, ${rate.toFixed(0)} a second`;
}

async function* inputLines(): AsyncGenerator<Line> {
  let number = 0;
  for await (const raw of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
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
