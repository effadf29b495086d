import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import type {
  WatchWorkspaceRequestSchema,
  WatchWorkspaceResponse,
} from '../gen/hop/analytics/v1/workspace_stats_pb.ts';
import { type LiveOptions, lastingStream } from './lasting-stream.ts';
import type { World } from './policy.ts';
import type { AnalyticsService } from './services.ts';

/**
 * How often the workspace's links were followed since a moment, on every change, across streams that end or break. Every answer is the
 * whole count, so none is missing after a break. Throws errors that a retry cannot fix, such as a start that is by now more than 48 hours
 * ago.
 */
export function liveCounts(
  analytics: Client<typeof AnalyticsService>,
  world: World,
  request: MessageInitShape<typeof WatchWorkspaceRequestSchema>,
  options: LiveOptions = {},
): AsyncGenerator<WatchWorkspaceResponse, void, undefined> {
  return lastingStream(
    { open: (signal) => analytics.watchWorkspace(request, { signal }), tell: (counts) => [counts] },
    world,
    options,
  );
}
