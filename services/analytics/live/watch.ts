import type { Client } from '@connectrpc/connect';
import type { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import type { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { createRevocations } from '#runtime/caller/revocations.ts';
import type { Log } from '#runtime/telemetry/log.ts';
import type { AnalyticsConfig } from '../config.ts';
import type { WorkspaceCountsStore } from '../statistics/workspace/workspace-store.ts';
import type { LiveStore } from '../store.ts';
import { createLiveFeed } from './live-feed.ts';
import { createWatchStreams, type WatchStreams } from './watch-streams.ts';
import { createWorkspaceFeed } from './workspace-feed.ts';

interface Dependencies {
  readonly config: AnalyticsConfig;
  readonly live: LiveStore;
  readonly workspaceCounts: WorkspaceCountsStore;
  readonly links: Client<typeof LinkService>;
  readonly identity: Client<typeof IdentityService>;
  readonly log: Log;
}

const revocationPollMs = 1_000;

/** Wires live clicks. */
export function openLiveStreams({ config, live, workspaceCounts, links, identity, log }: Dependencies): {
  readonly streams: WatchStreams;
  stop(): Promise<void>;
} {
  const feed = createLiveFeed({ store: live, log });
  const workspaces = createWorkspaceFeed({ store: workspaceCounts, log });
  const list = (cursor: string) => identity.listRevocations({ cursor });
  const revocations = createRevocations({ list, intervalMs: revocationPollMs, log });
  const { watchStreams, watchStreamsPerCaller: streamsPerCaller, watchLifetimeMs: lifetimeMs } = config;
  const limits = { streams: watchStreams, streamsPerCaller, lifetimeMs };
  const streams = createWatchStreams({ feed, workspaces, links, revocations, ...limits });
  return {
    streams,
    async stop() {
      streams.stop();
      revocations.stop();
      await Promise.all([feed.stop(), workspaces.stop()]);
    },
  };
}
