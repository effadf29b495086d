// Edits links and follows them all the while, and knows how old each destination was that it was given.
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { quantile } from './load/ledger.ts';
import type { Target } from './load/load.ts';
import { pastHotSet } from './load/requests.ts';
import type { World } from './world.ts';

/** One destination of a link. */
interface Edit {
  readonly destination: string;
  /** When the answer to the edit was there, milliseconds since 1970; infinite where it is not known to have been made. */
  doneAt: number;
}

interface Follow {
  /** When it was sent. */
  readonly at: number;
  /** By how much the answer was out of date when it was asked for, in ms: 0 for the newest that was certain. */
  readonly stale: number;
  /** The edit that the answer had not heard of. */
  readonly unheard: Edit | undefined;
  readonly failed: boolean;
}

export interface Seen {
  readonly follows: number;
  /** Answers that were not the link's redirect to one of its destinations. */
  readonly failed: number;
  /** The oldest destination given, in ms after the answer to the edit that replaced it. */
  readonly oldest: number;
  readonly edits: number;
  /** Why others were not made, or are not known to have been. */
  readonly refusals: readonly string[];
  /** How long after its answer an edit was still not followed, ms: of 99 % of the edits. */
  readonly visibleP99: number;
}

export interface EditChecker {
  /** Edits no more, and follows on. */
  endEdits(): void;
  stop(): Promise<void>;
  /** What follows that were sent in [from, to) showed. */
  seen(from: number, to: number): Seen;
}

const timeoutMs = 3_000;

interface EditCheckerOptions {
  /** Of each link (default 400). */
  readonly editEveryMs?: number;
  /** Each link (default 25). */
  readonly followEveryMs?: number;
  /** Envoy's own hot set, which hears of changes by another stream than the resolvers, may answer (default: no). */
  readonly byEdge?: boolean;
}

/** Each link is edited now and then, and followed much more often, through Envoy, so by both resolvers in turn. */
export function startEditChecker(
  { mesh, account }: World,
  links: readonly Target[],
  { editEveryMs = 400, followEveryMs = 25, byEdge = false }: EditCheckerOptions = {},
): EditChecker {
  const pool = new Pool(mesh.url, { connections: 64, pipelining: 1, headersTimeout: timeoutMs });
  const stopping = new AbortController();
  const ending = new AbortController();
  const editing = AbortSignal.any([stopping.signal, ending.signal]);
  const follows: Follow[] = [];
  const refusals: { readonly at: number; readonly why: string }[] = [];
  const histories = links.map(({ destination }): Edit[] => [{ destination, doneAt: 0 }]);
  const headers = { authorization: `Bearer ${account.apiKey}`, 'content-type': 'application/json', host: 'localhost' };

  async function ask(method: 'GET' | 'PATCH', code: string, body?: object) {
    const answer = await pool.request({
      method,
      path: `/api/v1/urls/${code}`,
      headers,
      body: body ? JSON.stringify(body) : null,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`${method} ${code}: ${answer.statusCode} ${text}`);
    return JSON.parse(text) as { readonly etag: string; readonly long_url: string };
  }

  /** Each edit names the etag of the last, so that one which was given up cannot be made later behind another. */
  async function edit({ code }: Target, history: Edit[]): Promise<void> {
    let etag: string | undefined;
    // Each in a moment of its own.
    await sleep(Math.random() * editEveryMs, undefined, { signal: editing }).catch(() => {});
    for (let turn = 0; !editing.aborted; turn++) {
      await sleep(editEveryMs, undefined, { signal: editing }).catch(() => {});
      try {
        if (etag === undefined) {
          const now = await ask('GET', code);
          etag = now.etag;
          const made = history.findLast(({ destination }) => destination === now.long_url);
          if (made) made.doneAt = Math.min(made.doneAt, Date.now());
        }
        const next: Edit = { destination: `https://example.org/${code}/${turn}`, doneAt: Number.POSITIVE_INFINITY };
        history.push(next);
        const answer = await ask('PATCH', code, { long_url: next.destination, etag });
        next.doneAt = Date.now();
        etag = answer.etag;
      } catch (error) {
        etag = undefined;
        refusals.push({ at: Date.now(), why: String(error) });
      }
    }
  }

  async function follow({ code }: Target, history: readonly Edit[]): Promise<void> {
    const at = Date.now();
    const location = await pool
      .request({
        method: 'GET',
        path: `/${code}${byEdge ? '' : pastHotSet}`,
        headers: { host: 'localhost' },
        signal: AbortSignal.timeout(timeoutMs),
      })
      .then(async (answer) => {
        await answer.body.dump();
        return answer.headers.location;
      })
      .catch(() => undefined);
    const given = history.findLastIndex(({ destination }) => destination === location);
    const unheard = given < 0 ? undefined : history.slice(given + 1).find(({ doneAt }) => doneAt < at);
    follows.push({ at, stale: at - (unheard?.doneAt ?? at), unheard, failed: given < 0 });
  }

  async function followOn(link: Target, history: readonly Edit[]): Promise<void> {
    const under = new Set<Promise<void>>();
    while (!stopping.signal.aborted) {
      await sleep(followEveryMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (under.size >= 64) continue;
      const one: Promise<void> = follow(link, history).finally(() => under.delete(one));
      under.add(one);
    }
    await Promise.all(under);
  }

  const running = links.flatMap((link, index) => {
    const history = histories[index] as Edit[];
    return [edit(link, history), followOn(link, history)];
  });
  return {
    endEdits: () => ending.abort(),
    async stop() {
      stopping.abort();
      await Promise.all(running);
      await pool.destroy();
    },
    seen(from, to) {
      const wanted = follows.filter(({ at }) => at >= from && at < to);
      const edits = histories.flat().filter(({ doneAt }) => doneAt >= from && doneAt < to);
      const visible = new Map(edits.map((one) => [one, 0]));
      for (const { unheard, stale } of follows)
        if (unheard && visible.has(unheard)) visible.set(unheard, Math.max(stale, visible.get(unheard) ?? 0));
      return {
        follows: wanted.length,
        failed: wanted.filter(({ failed }) => failed).length,
        oldest: Math.max(0, ...wanted.map(({ stale }) => stale)),
        edits: edits.length,
        refusals: refusals.filter(({ at }) => at >= from && at < to).map(({ why }) => why),
        visibleP99: quantile(
          [...visible.values()].sort((one, other) => one - other),
          0.99,
        ),
      };
    },
  };
}
