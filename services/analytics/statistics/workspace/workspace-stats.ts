import type { Counts } from '../../store.ts';
import { shown } from '../stats.ts';
import type { Period, WorkspaceQuery } from './workspace-query.ts';
import type { LinkShare, WorkspacePoint, WorkspaceStore } from './workspace-store.ts';

interface PeriodCounts {
  readonly clicks: number;
  readonly visitors: number;
  readonly bots: number;
  readonly series: readonly { readonly at: number; readonly clicks: number; readonly visitors: number }[];
}

export interface WorkspaceCounts {
  readonly current: PeriodCounts;
  readonly previous: PeriodCounts;
  readonly top: readonly LinkShare[];
  /** How many links have clicks. */
  readonly links: number;
}

/** Reads what the query needs, all on one snapshot, and adds it up. With bots, clicks and visitors include them. */
export async function readWorkspaceStats(
  store: WorkspaceStore,
  workspaceId: string,
  { current, previous, pieces }: WorkspaceQuery,
  order: { readonly bots: boolean; readonly limit: number },
): Promise<WorkspaceCounts> {
  const read = await store.snapshot(async (reader) => ({
    current: await reader.points(workspaceId, current.hours, current.cuts),
    previous: await reader.points(workspaceId, previous.hours, previous.cuts),
    top: await reader.topLinks(workspaceId, pieces, order),
  }));
  return {
    current: countsOf(current, read.current, order.bots),
    previous: countsOf(previous, read.previous, order.bots),
    ...read.top,
  };
}

function countsOf({ starts }: Period, points: readonly WorkspacePoint[], bots: boolean): PeriodCounts {
  const byPoint = new Map<number, Counts>(points.map((counts) => [counts.point, counts]));
  const none: Counts = { clicks: 0, visitors: 0, bots: 0, botVisitors: 0 };
  const all = { clicks: 0, visitors: 0, bots: 0 };
  const series = starts.map((at, index) => {
    const counts = byPoint.get(index) ?? none;
    const { clicks, visitors } = shown(counts, bots);
    all.clicks += clicks;
    all.visitors += visitors;
    all.bots += counts.bots;
    return { at, clicks, visitors };
  });
  return { ...all, series };
}
