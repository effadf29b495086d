import type { Client } from '@connectrpc/connect';
import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import type { LinkService } from '#gen/link/v1/link_service_pb.ts';
import type { Revocations } from '#runtime/caller/revocations.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { limited, notFound, unauthenticated, unavailable } from '#runtime/errors/errors.ts';
import { observe } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import type { ClickRow, Counts } from '../store.ts';
import type { LiveFeed } from './live-feed.ts';
import type { Subscription } from './live-subscription.ts';
import type { CountsSubscription, WorkspaceFeed } from './workspace-feed.ts';

interface StreamOptions {
  readonly feed: LiveFeed;
  readonly workspaces: WorkspaceFeed;
  readonly links: Pick<Client<typeof LinkService>, 'lookupLinks'>;
  readonly revocations: Pick<Revocations, 'has' | 'mayHaveForgotten'>;
  /** Concurrent streams in this process, and how many of them one person may have. */
  readonly streams: number;
  readonly streamsPerCaller: number;
  readonly lifetimeMs: number;
  readonly heartbeatMs?: number;
  /** How often to check whether the watchers may still watch. */
  readonly checkMs?: number;
}

type WatchEvent =
  | { readonly type: 'click'; readonly click: ClickRow }
  | { readonly type: 'heartbeat'; readonly skipped: number };

interface Watcher {
  readonly person: PersonCaller;
  /** Absent: the caller's workspace is watched, which is accessible for as long as the credentials are valid. */
  readonly link?: LinkRecord;
  /** When the caller was checked; milliseconds, monotonic. */
  readonly openedAt: number;
  readonly subscription: Pick<Subscription, 'fail' | 'close'>;
}

/** The lifetime of a stream. */
interface Span {
  readonly lifetimeMs: number;
  readonly heartbeatMs: number;
  readonly signal: AbortSignal;
}

export interface WatchStreams {
  /** Clicks as they are counted, from the first heartbeat on; ends when its time is over, fails when it must not go on. */
  watch(person: PersonCaller, link: LinkRecord, signal: AbortSignal): AsyncGenerator<WatchEvent>;
  /** Counts of the caller's workspace since then: at once, on changes and every `heartbeatMs`; ends as `watch` does. */
  watchWorkspace(person: PersonCaller, sinceUs: number, signal: AbortSignal): AsyncGenerator<Counts>;
  stop(): void;
}

/** Limits how many watch at once and for how long, and ends streams whose callers no longer may. */
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

  /** Holds a place and a subscription, and checks both, for as long as the events are taken. */
  async function* held<Held extends Watcher['subscription'], Event>(
    watcher: Omit<Watcher, 'openedAt' | 'subscription'>,
    signal: AbortSignal,
    subscribe: () => Promise<Held>,
    events: (subscription: Held, span: Span) => AsyncGenerator<Event>,
  ): AsyncGenerator<Event> {
    const openedAt = performance.now();
    const leave = places.take(watcher.person.userId);
    let open: Watcher | undefined;
    let close: (() => void) | undefined;
    try {
      const subscription = await subscribe();
      close = () => subscription.close();
      signal.addEventListener('abort', close, { once: true });
      open = { ...watcher, openedAt, subscription };
      watchers.add(open);
      yield* events(subscription, { lifetimeMs, heartbeatMs, signal });
    } finally {
      if (open) watchers.delete(open);
      if (close) signal.removeEventListener('abort', close);
      close?.();
      leave();
    }
  }

  return {
    watch: (person, link, signal) => held({ person, link }, signal, () => feed.subscribe(link.id), eventsOf),
    watchWorkspace(person, sinceUs, signal) {
      const counted = { workspaceId: person.workspaceId, sinceUs };
      return held({ person }, signal, () => options.workspaces.subscribe(counted), countsOf);
    },
    stop: () => clearInterval(timer),
  };
}

async function* eventsOf(
  subscription: Subscription,
  { lifetimeMs, heartbeatMs, signal }: Span,
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

async function* countsOf(
  subscription: CountsSubscription,
  { lifetimeMs, heartbeatMs, signal }: Span,
): AsyncGenerator<Counts> {
  const endsAt = performance.now() + lifetimeMs;
  while (!signal.aborted) {
    const left = endsAt - performance.now();
    if (left <= 0) return;
    yield (await subscription.take(Math.min(heartbeatMs, left))) ?? subscription.latest;
  }
}

/** The open streams, in total and for each person; throws when there is no place for another. */
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
      if (all >= streams) throw unavailable('OVERLOADED', 'This process has as many streams as it takes.', 5_000);
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

/** How many names LookupLinks accepts at once. */
const mostNames = 1_000;

/** Ends the streams of callers whose credentials were revoked or have expired, and of links that are no longer where they were. */
async function checkReach({ links, revocations }: StreamOptions, watchers: ReadonlySet<Watcher>): Promise<void> {
  for (const { person, openedAt, subscription } of watchers) {
    if (revocations.has(person.credentialId))
      subscription.fail(unauthenticated('CREDENTIALS_INVALID', 'The credentials were revoked.'));
    else if ((person.credentialEndsAtMs ?? Number.POSITIVE_INFINITY) <= Date.now())
      subscription.fail(unauthenticated('CREDENTIALS_EXPIRED', 'The API key has expired.'));
    else if (revocations.mayHaveForgotten(performance.now() - openedAt))
      subscription.fail(unauthenticated('CREDENTIALS_EXPIRED', 'The credentials have to be checked again.'));
  }
  const asked = [...watchers].flatMap(({ link, ...watcher }) => (link ? { ...watcher, link } : []));
  if (asked.length === 0) return;
  const byName = [...Map.groupBy(asked, ({ link: { domain, code } }) => `${domain}/${code}`).values()];
  for (let from = 0; from < byName.length; from += mostNames) {
    const group = byName.slice(from, from + mostNames);
    const names = group.flatMap(([first]) => first?.link ?? []).map(({ domain, code }) => ({ domain, code }));
    // While this is unknown the streams go on; their lifetime is limited.
    const answer = await links.lookupLinks({ names }).catch(() => undefined);
    if (!answer) continue;
    const records = new Map(answer.records.map((record) => [record.id, record]));
    for (const { person, link, subscription } of group.flat()) {
      const record = records.get(link.id);
      if (!record || record.deletedAt || record.workspaceId !== person.workspaceId)
        subscription.fail(notFound('LINK_NOT_FOUND', 'There is no such link.'));
    }
  }
}
