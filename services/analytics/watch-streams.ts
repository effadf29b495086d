import type { Client } from '@connectrpc/connect';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { LinkService } from '#gen/link/v1/link_service_pb.ts';
import type { Revocations } from '#runtime/caller/revocations.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { limited, notFound, unauthenticated, unavailable } from '#runtime/errors/errors.ts';
import { observe } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { LiveFeed } from './live-feed.ts';
import type { Subscription } from './live-subscription.ts';
import type { ClickRow } from './store.ts';

interface StreamOptions {
  readonly feed: LiveFeed;
  readonly links: Pick<Client<typeof LinkService>, 'lookupLinks'>;
  readonly revocations: Pick<Revocations, 'has'>;
  /** Streams of this process, and of one person among them. */
  readonly streams: number;
  readonly streamsPerCaller: number;
  readonly lifetimeMs: number;
  readonly heartbeatMs?: number;
  /** How often it is asked whether the watchers may still watch. */
  readonly checkMs?: number;
}

type WatchEvent =
  | { readonly type: 'click'; readonly click: ClickRow }
  | { readonly type: 'heartbeat'; readonly skipped: number };

interface Watcher {
  readonly person: PersonCaller;
  readonly link: LinkRecord;
  readonly subscription: Subscription;
}

export interface WatchStreams {
  /** Clicks as they are counted, from the first heartbeat on; ends when its time is over, fails when it must not go on. */
  watch(person: PersonCaller, link: LinkRecord, signal: AbortSignal): AsyncGenerator<WatchEvent>;
  stop(): void;
}

/** Who watches: how many at once, how long, and only while they may. */
export function createWatchStreams(options: StreamOptions): WatchStreams {
  const { feed, lifetimeMs, heartbeatMs = 10_000, checkMs = 2_000 } = options;
  const places = createPlaces(options);
  const watchers = new Set<Watcher>();
  observe(metric.watchSubscribers, {}, () => watchers.size);
  let checking = false;
  const timer = setInterval(() => {
    if (checking || watchers.size === 0) return;
    checking = true;
    void checkReach(options, watchers).finally(() => {
      checking = false;
    });
  }, checkMs).unref();

  return {
    async *watch(person, link, signal) {
      const leave = places.take(person.userId);
      let watcher: Watcher | undefined;
      let close: (() => void) | undefined;
      try {
        const subscription = await feed.subscribe(link.id);
        close = () => subscription.close();
        signal.addEventListener('abort', close, { once: true });
        watcher = { person, link, subscription };
        watchers.add(watcher);
        yield* eventsOf(subscription, { lifetimeMs, heartbeatMs, signal });
      } finally {
        if (watcher) watchers.delete(watcher);
        if (close) signal.removeEventListener('abort', close);
        close?.();
        leave();
      }
    },
    stop: () => clearInterval(timer),
  };
}

async function* eventsOf(
  subscription: Subscription,
  { lifetimeMs, heartbeatMs, signal }: { lifetimeMs: number; heartbeatMs: number; signal: AbortSignal },
): AsyncGenerator<WatchEvent> {
  const endsAt = performance.now() + lifetimeMs;
  let heartbeatAt = 0;
  while (!signal.aborted) {
    const now = performance.now();
    if (now >= endsAt) return;
    if (now >= heartbeatAt) {
      yield { type: 'heartbeat', skipped: subscription.skipped };
      heartbeatAt = now + heartbeatMs;
    }
    for (const click of await subscription.take(Math.max(1, Math.min(heartbeatAt, endsAt) - now))) {
      yield { type: 'click', click };
    }
  }
}

/** The streams that are open, of everybody and of each person; throws where there is no place for one more. */
function createPlaces({ streams, streamsPerCaller }: StreamOptions): { take(userId: string): () => void } {
  const taken = new Map<string, number>();
  let all = 0;
  return {
    take(userId) {
      const own = taken.get(userId) ?? 0;
      if (own >= streamsPerCaller)
        throw limited(
          'RATE_LIMITED',
          `More than ${streamsPerCaller} streams at once are not given to one person.`,
          5_000,
        );
      if (all >= streams) throw unavailable('OVERLOADED', 'There are as many streams as this process takes.', 5_000);
      taken.set(userId, own + 1);
      all++;
      return () => {
        const left = (taken.get(userId) ?? 1) - 1;
        if (left > 0) taken.set(userId, left);
        else taken.delete(userId);
        all--;
      };
    },
  };
}

/** Ends the streams of those whose credentials were revoked, and of links that are no longer where they were. */
async function checkReach({ links, revocations }: StreamOptions, watchers: ReadonlySet<Watcher>): Promise<void> {
  for (const { person, subscription } of watchers) {
    if (revocations.has(person.credentialId))
      subscription.fail(unauthenticated('CREDENTIALS_INVALID', 'The credentials were revoked.'));
  }
  const asked = [...watchers];
  const names = new Map(asked.map(({ link: { domain, code } }) => [`${domain}/${code}`, { domain, code }]));
  // While nobody can tell, the streams go on; their time is bounded.
  const answer = await links.lookupLinks({ names: [...names.values()] }).catch(() => undefined);
  if (!answer) return;
  for (const { person, link, subscription } of asked) {
    const record = answer.records.find(({ id }) => id === link.id);
    if (!record || record.deletedAt || record.workspaceId !== person.workspaceId)
      subscription.fail(notFound('LINK_NOT_FOUND', 'There is no such link.'));
  }
}
