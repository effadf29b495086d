import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import {
  type WatchClicksRequest,
  WatchClicksRequestSchema,
  type WatchClicksResponse,
  type WatchHeartbeat,
} from '../gen/hop/analytics/v1/analytics_service_pb.ts';
import type { Click } from '../gen/hop/analytics/v1/click_pb.ts';
import { type HoplineError, toHoplineError } from './errors.ts';
import { everyItem } from './pages.ts';
import type { World } from './policy.ts';
import type { AnalyticsService } from './services.ts';
import { toldClicks } from './told-clicks.ts';

export interface LiveOptions {
  /** Ends the iterator; that is no error. */
  readonly signal?: AbortSignal;
  /** From now on every click is told. Again after each break. */
  readonly onLive?: () => void;
  /** The stream broke and is being taken up again. */
  readonly onBreak?: (error: HoplineError) => void;
  /** So many requests were counted but not told, for there were too many at once. */
  readonly onSkipped?: (count: number) => void;
  /** How long to try to take up a broken stream before giving up, in milliseconds. Default: ten minutes. */
  readonly patienceMs?: number;
}

type Analytics = Client<typeof AnalyticsService>;

/** A heartbeat comes at least every ten seconds: a connection that is silent for so long is dead. */
const silenceMs = 25_000;
const firstPauseMs = 200;
const longestPauseMs = 10_000;
/** How long after it was followed a click may be counted, and told. */
const lateMs = 60_000;
const mostMissed = 1_000;

/**
 * The clicks of a link as they are counted, from now on. The installation ends a stream after ten minutes, and networks break: then the
 * stream is begun anew, and what was missed in between is told first, from the list of clicks (at most 1,000). Throws what another try
 * cannot mend, such as a link that is gone.
 */
export async function* liveClicks(
  analytics: Analytics,
  { now, random, sleep }: World,
  init: MessageInitShape<typeof WatchClicksRequestSchema>,
  { signal, onLive, onBreak, onSkipped, patienceMs = 600_000 }: LiveOptions = {},
): AsyncGenerator<Click, void, undefined> {
  const request = create(WatchClicksRequestSchema, init);
  const told = toldClicks();
  /** By the installation's clock: since when the clicks are told, and until when surely none is missing. */
  let beganMs: number | undefined;
  let sureMs = 0;
  let failures = 0;
  let failedAtMs = 0;

  while (!signal?.aborted) {
    let skipped = 0;
    let live = false;
    try {
      for await (const { event } of eventsOf(analytics, request, signal)) {
        if (!live) {
          live = true;
          onLive?.();
          if (beganMs !== undefined)
            yield* told.fromList(await clicksSince(analytics, request, Math.max(beganMs, sureMs - lateMs), signal));
          failures = 0;
        }
        if (event.case === 'click' && told.fromStream(event.value)) yield event.value;
        if (event.case !== 'heartbeat') continue;
        sureMs = timeOf(event.value) ?? now();
        beganMs ??= sureMs;
        if (event.value.skipped > skipped) onSkipped?.(event.value.skipped - skipped);
        skipped = event.value.skipped;
      }
      if (live) continue;
      throw new ConnectError('The stream ended before it began.', Code.Unavailable);
    } catch (thrown) {
      if (signal?.aborted) return;
      const error = toHoplineError(thrown);
      if (failures === 0) failedAtMs = now();
      failures += 1;
      if (!mayMend(error, failures) || now() - failedAtMs > patienceMs) throw error;
      if (live) onBreak?.(error);
      const pause = random() * Math.min(longestPauseMs, firstPauseMs * 2 ** failures);
      await sleep(Math.max(pause, error.retryAfterMs ?? 0), signal).catch(() => {});
    }
  }
}

/** One stream, from its beginning until it ends, breaks or falls silent. */
async function* eventsOf(
  analytics: Analytics,
  request: WatchClicksRequest,
  signal: AbortSignal | undefined,
): AsyncGenerator<WatchClicksResponse, void, undefined> {
  const connection = new AbortController();
  const stop = () => connection.abort();
  signal?.addEventListener('abort', stop);
  let silent = false;
  const wait = () =>
    setTimeout(() => {
      silent = true;
      stop();
    }, silenceMs);
  let timer = wait();
  try {
    for await (const event of analytics.watchClicks(request, { signal: connection.signal })) {
      clearTimeout(timer);
      yield event;
      timer = wait();
    }
  } catch (thrown) {
    throw silent ? new ConnectError('The stream fell silent.', Code.Unavailable) : thrown;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

/** Oldest first. */
async function clicksSince(
  analytics: Analytics,
  { code, domain, includeBots }: WatchClicksRequest,
  sinceMs: number,
  signal: AbortSignal | undefined,
): Promise<Click[]> {
  const found: Click[] = [];
  const options = signal ? { signal } : {};
  const newestFirst = everyItem(
    (pageToken) => analytics.listClicks({ code, domain, includeBots, pageSize: mostMissed, pageToken }, options),
    ({ clicks }) => clicks,
  );
  for await (const click of newestFirst) {
    if (found.length === mostMissed || !click.at || timestampMs(click.at) < sinceMs) break;
    found.push(click);
  }
  return found.reverse();
}

const timeOf = ({ at }: WatchHeartbeat): number | undefined => at && timestampMs(at);

/** A refused token may have been a token at its end: the next try has a new one. */
function mayMend({ code }: HoplineError, failures: number): boolean {
  if (code === Code.Unauthenticated) return failures === 1;
  return mending.has(code);
}

const mending: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.ResourceExhausted,
  Code.DeadlineExceeded,
  Code.Canceled,
  Code.Aborted,
  Code.Internal,
  Code.Unknown,
]);
