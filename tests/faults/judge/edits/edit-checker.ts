// Edits links and follows them all the while, and knows how old each destination was that it was given.
import { Pool } from 'undici';
import { quantile } from '../../load/ledger.ts';
import type { Target } from '../../load/load.ts';
import type { World } from '../../world/world.ts';
import { type Edit, editOn, type Refusal } from './edits.ts';
import { type Follow, followOn } from './follows.ts';

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
  // Pools of their own: an edit is not to wait in this process behind follows that are slow.
  const poolOf = (): Pool => new Pool(mesh.url, { connections: 64, pipelining: 1, headersTimeout: timeoutMs });
  const [editPool, followPool] = [poolOf(), poolOf()];
  const stopping = new AbortController();
  const ending = new AbortController();
  const editing = {
    ...{ pool: editPool, apiKey: account.apiKey, everyMs: editEveryMs, timeoutMs },
    signal: AbortSignal.any([stopping.signal, ending.signal]),
  };
  const following = { pool: followPool, byEdge, everyMs: followEveryMs, timeoutMs, signal: stopping.signal };
  const follows: Follow[] = [];
  const refusals: Refusal[] = [];
  const histories = new Map(
    links.map((link): [Target, Edit[]] => [link, [{ destination: link.destination, doneAt: 0 }]]),
  );
  const running = [...histories].flatMap(([link, history]) => [
    editOn(editing, link, history, refusals),
    followOn(following, link, history, follows),
  ]);
  return {
    endEdits: () => ending.abort(),
    async stop() {
      stopping.abort();
      await Promise.all(running);
      await Promise.all([editPool.destroy(), followPool.destroy()]);
    },
    seen: (from, to) => seenBetween(from, to, { edits: [...histories.values()].flat(), follows, refusals }),
  };
}

interface Notes {
  readonly edits: readonly Edit[];
  readonly follows: readonly Follow[];
  readonly refusals: readonly Refusal[];
}

/** Of edits and follows in [from, to); how late an edit was is a matter of all follows, also of later ones. */
function seenBetween(from: number, to: number, { edits, follows, refusals }: Notes): Seen {
  const wanted = follows.filter(({ at }) => at >= from && at < to);
  const made = edits.filter(({ doneAt }) => doneAt >= from && doneAt < to);
  const visible = new Map(made.map((one) => [one, 0]));
  for (const { unheard, stale } of follows)
    if (unheard && visible.has(unheard)) visible.set(unheard, Math.max(stale, visible.get(unheard) ?? 0));
  return {
    follows: wanted.length,
    failed: wanted.filter(({ failed }) => failed).length,
    oldest: Math.max(0, ...wanted.map(({ stale }) => stale)),
    edits: made.length,
    refusals: refusals.filter(({ at }) => at >= from && at < to).map(({ why }) => why),
    visibleP99: quantile(
      [...visible.values()].sort((one, other) => one - other),
      0.99,
    ),
  };
}
