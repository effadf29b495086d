import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  clone,
  create,
  type JsonValue,
  type MessageInitShape,
  type MessageShape,
  mergeFromJson,
} from '@bufbuild/protobuf';
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

type Request = MessageShape<typeof CreateLinkRequestSchema>;

type Input = NodeJS.ReadableStream & { readonly isTTY?: boolean };

interface Line {
  readonly number: number;
  readonly text: string;
}

interface Outcome {
  readonly line: Line;
  readonly link?: Link;
  readonly error?: unknown;
}

/** The timeout per link: a busy installation may ask to wait. */
const timeoutMs = 60_000;
/** Without credentials or an installation, later lines would fail too. */
const hopeless: ReadonlySet<string> = new Set([
  'UNREACHABLE',
  'CREDENTIALS_MISSING',
  'CREDENTIALS_INVALID',
  'CREDENTIALS_EXPIRED',
  'SCOPE_MISSING',
  'ROLE_MISSING',
  'SESSION_CHANGED',
]);

/** Temporary errors: nothing was done, or the result is kept under the line's key. */
const passing: ReadonlySet<string> = new Set([
  'RATE_LIMITED',
  'OVERLOADED',
  'DEPENDENCY_UNAVAILABLE',
  'IDEMPOTENCY_IN_PROGRESS',
]);
/** Used if the installation does not say how long to wait. */
const usualPauseMs = 1_000;
/** Before a line is tried a second time, also where a proxy asks for no wait at all; doubled for each further try, up to the usual pause. */
const leastPauseMs = 100;
const longestPauseMs = 300_000;

/**
 * Creates a link for each line of the input, several at once, and reports them in the order of the input. `common` holds the fields shared
 * by the lines. When the installation asks to wait, all of them wait.
 */
export async function createMany(
  context: Context,
  common: MessageInitShape<typeof CreateLinkRequestSchema>,
  options: ManyOptions,
  input: Input = process.stdin,
): Promise<number> {
  const { terminal, signal } = context;
  const template = create(CreateLinkRequestSchema, common);
  const tally = { made: 0, failed: 0, startedMs: Date.now() };
  const ended = new AbortController();
  const stop = AbortSignal.any([signal, ended.signal]);
  const lines = inputLines(input, stop);
  const pause = createPause(stop);
  if (input.isTTY) terminal.note('A URL on each line, then perhaps an alias. Ctrl-D ends.');
  try {
    for await (const outcome of inOrder(lines, options.concurrency, (line) =>
      createOne(context, template, options, line, pause),
    )) {
      terminal.progress('');
      tell(outcome, context, tally);
      terminal.progress(`${progressText(tally)} …`);
      await terminal.drained(signal);
    }
  } finally {
    // Also when the rest of the input is no longer wanted, nor a retry of what is in flight.
    ended.abort();
  }
  terminal.progress('');
  if (!terminal.json) terminal.note(progressText(tally));
  if (signal.aborted) return exitCodes.interrupted;
  // A folder instead of a file reads as an empty input, and so does a file that was never filled.
  if (tally.made + tally.failed === 0) throw new Error('The input is empty: there is no line with a link to make.');
  return tally.failed > 0 ? exitCodes.someFailed : exitCodes.ok;
}

interface Tally {
  made: number;
  failed: number;
  readonly startedMs: number;
}

/** Reports the outcome of a line; throws if later lines would fail too. */
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

/** The non-empty lines of the input, until it ends or the signal is aborted. */
async function* inputLines(input: Input, signal: AbortSignal): AsyncGenerator<Line> {
  let number = 0;
  for await (const raw of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY, signal })) {
    number += 1;
    const text = raw.trim();
    if (text !== '' && !text.startsWith('#')) yield { number, text };
  }
}

/** A pause shared by all lines: when one is refused, the others wait instead of being refused too. */
interface Pause {
  extend(ms: number): void;
  /** Resolves when there is none; rejects once the signal is aborted. */
  over(): Promise<void>;
}

function createPause(signal: AbortSignal): Pause {
  let untilMs = 0;
  return {
    extend(ms) {
      untilMs = Math.max(untilMs, Date.now() + ms);
    },
    async over() {
      signal.throwIfAborted();
      for (let left = untilMs - Date.now(); left > 0; left = untilMs - Date.now())
        await sleep(left, undefined, { signal });
    },
  };
}

async function createOne(
  { hop, signal }: Context,
  template: Request,
  { key }: ManyOptions,
  line: Line,
  pause: Pause,
): Promise<Outcome> {
  let untilMs: number | undefined;
  let leastMs = leastPauseMs;
  // The same for all tries of the line, so that they create one link.
  const headers = { 'idempotency-key': key === undefined ? randomUUID() : `${key}:${line.number}` };
  for (;;) {
    try {
      const request = requestOf(line.text, template);
      await pause.over();
      untilMs ??= Date.now() + timeoutMs;
      const leftMs = Math.max(1, untilMs - Date.now());
      return { line, link: await hop.links.createLink(request, { signal, timeoutMs: leftMs, headers }) };
    } catch (error) {
      if (!(error instanceof HoplineError) || !passing.has(error.reason)) return { line, error };
      const pauseMs = Math.max(leastMs, error.retryAfterMs ?? usualPauseMs);
      leastMs = Math.min(leastMs * 2, usualPauseMs);
      pause.extend(Math.min(pauseMs, longestPauseMs));
      if (Date.now() + pauseMs >= (untilMs ?? 0)) return { line, error };
    }
  }
}

/** `URL [alias]`, or the JSON of the REST call; missing fields come from the template, and tags are added to its tags. */
function requestOf(text: string, template: Request): Request {
  // A copy: what one line adds to a list must not affect the others.
  const request = clone(CreateLinkRequestSchema, template);
  if (text.startsWith('{')) return withFields(request, JSON.parse(text));
  const [longUrl = '', alias, ...more] = text.split(/\s+/);
  if (more.length > 0) throw new Error('a line is a URL, then perhaps an alias, and nothing after it.');
  request.longUrl = longUrl;
  if (alias !== undefined) request.alias = alias;
  return request;
}

/** Errors are phrased for the author of the line, who knows its fields but not the message that they are read into. */
function withFields(request: Request, fields: JsonValue): Request {
  try {
    return mergeFromJson(CreateLinkRequestSchema, request, fields);
  } catch (error) {
    throw new Error((error as Error).message.replace(/^cannot decode \S+ \S+ from JSON: /, ''));
  }
}
