import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Client } from '@connectrpc/connect';
import {
  type WatchClicksRequest,
  WatchClicksRequestSchema,
  type WatchClicksResponse,
  type WatchHeartbeat,
} from '../gen/hop/analytics/v1/analytics_service_pb.ts';
import type { Click } from '../gen/hop/analytics/v1/click_pb.ts';
import { clickDeduplicator } from './click-deduplicator.ts';
import { type LiveOptions, lastingStream } from './lasting-stream.ts';
import { everyItem } from './pages.ts';
import type { World } from './policy.ts';
import type { AnalyticsService } from './services.ts';

export interface LiveClicksOptions extends LiveOptions {
  /** Called with the number of requests that were counted but not delivered, because there were too many at once. */
  readonly onSkipped?: ((count: number) => void) | undefined;
}

type Analytics = Client<typeof AnalyticsService>;

/** How long after its follow a click may be counted and delivered. */
const lateMs = 60_000;
const mostMissed = 1_000;

/**
 * The clicks of a link as they are counted, from now on, across streams that end or break: what was missed in between is delivered first,
 * from the list of clicks (at most 1,000). Throws errors that a retry cannot fix, such as a deleted link.
 */
export function liveClicks(
  analytics: Analytics,
  world: World,
  init: MessageInitShape<typeof WatchClicksRequestSchema>,
  options: LiveClicksOptions = {},
): AsyncGenerator<Click, void, undefined> {
  const request = create(WatchClicksRequestSchema, init);
  const told = clickDeduplicator();
  /** By the installation's clock: since when clicks are delivered, and until when certainly none is missing. */
  let beganMs: number | undefined;
  let sureMs = 0;
  let skipped = 0;

  async function* tell({ event }: WatchClicksResponse, isFirst: boolean): AsyncGenerator<Click> {
    if (isFirst) {
      skipped = 0;
      if (beganMs !== undefined) {
        const sinceMs = Math.max(beganMs, sureMs - lateMs);
        yield* told.fromList(await clicksSince(analytics, request, sinceMs, options.signal));
      }
    }
    if (event.case === 'click' && told.fromStream(event.value)) yield event.value;
    if (event.case !== 'heartbeat') return;
    sureMs = timeOf(event.value) ?? world.now();
    beganMs ??= sureMs;
    if (event.value.skipped > skipped) options.onSkipped?.(event.value.skipped - skipped);
    skipped = event.value.skipped;
  }

  return lastingStream({ open: (signal) => analytics.watchClicks(request, { signal }), tell }, world, options);
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
