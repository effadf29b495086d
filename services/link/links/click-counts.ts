import type { CallOptions } from '@connectrpc/connect';
import type { Breaker } from '#runtime/breaker/breaker.ts';

/** Asks analytics for the totals of links, by id; those without clicks are left out. */
export type AskClickCounts = Breaker<
  [linkIds: readonly string[], options: CallOptions],
  Readonly<Record<string, number>>
>;

/** How often links were followed. */
export interface ClickCounts {
  /** The count of one of these links; undefined while analytics is unavailable. */
  of(linkIds: readonly string[], options: CallOptions): Promise<(linkId: string) => number | undefined>;
}

export function createClickCounts(ask: Pick<AskClickCounts, 'fire'>): ClickCounts {
  return {
    async of(linkIds, options) {
      if (linkIds.length === 0) return () => undefined;
      try {
        const clicks = await ask.fire(linkIds, options);
        return (linkId) => clicks[linkId] ?? 0;
      } catch {
        // The breaker counts and logs it; a link without its count is better than none.
        return () => undefined;
      }
    },
  };
}
