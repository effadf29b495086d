// Gives a link another destination again and again.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'undici';
import type { Target } from '../../load/load.ts';

/** One destination of a link. */
export interface Edit {
  readonly destination: string;
  /** When the answer to the edit was there, milliseconds since 1970; infinite where it is not known to have been made. */
  doneAt: number;
}

export interface Refusal {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly why: string;
}

export interface EditingOptions {
  readonly pool: Pool;
  readonly apiKey: string;
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Edits the link until the signal, one edit after the other, and notes each in its history. */
export async function editOn(
  options: EditingOptions,
  { code }: Target,
  history: Edit[],
  refusals: Refusal[],
): Promise<void> {
  const { everyMs, signal } = options;
  let etag: string | undefined;
  // Each in a moment of its own.
  await sleep(Math.random() * everyMs, undefined, { signal }).catch(() => {});
  for (let turn = 0; !signal.aborted; turn++) {
    await sleep(everyMs, undefined, { signal }).catch(() => {});
    try {
      etag ??= await lookUp(options, code, history);
      etag = await edit(options, code, { history, etag, destination: `https://example.org/${code}/${turn}` });
    } catch (error) {
      etag = undefined;
      refusals.push({ at: Date.now(), why: String(error) });
    }
  }
}

/** Which edit is the newest, after one whose answer was not heard; answers its etag. */
async function lookUp(options: EditingOptions, code: string, history: readonly Edit[]): Promise<string> {
  const now = await ask(options, 'GET', code);
  const made = history.findLast(({ destination }) => destination === now.long_url);
  if (made) made.doneAt = Math.min(made.doneAt, Date.now());
  return now.etag;
}

interface NextEdit {
  readonly history: Edit[];
  readonly etag: string;
  readonly destination: string;
}

/** Names the etag of the last edit, so that one which was given up cannot be made later behind another; answers the new one. */
async function edit(options: EditingOptions, code: string, { history, etag, destination }: NextEdit): Promise<string> {
  const next: Edit = { destination, doneAt: Number.POSITIVE_INFINITY };
  history.push(next);
  const answer = await ask(options, 'PATCH', code, { long_url: destination, etag });
  next.doneAt = Date.now();
  return answer.etag;
}

async function ask({ pool, apiKey, timeoutMs }: EditingOptions, method: 'GET' | 'PATCH', code: string, body?: object) {
  const answer = await pool.request({
    method,
    path: `/api/v1/urls/${code}`,
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', host: 'localhost' },
    body: body ? JSON.stringify(body) : null,
    signal: AbortSignal.timeout(timeoutMs),
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`${method} ${code}: ${answer.statusCode} ${text}`);
  return JSON.parse(text) as { readonly etag: string; readonly long_url: string };
}
