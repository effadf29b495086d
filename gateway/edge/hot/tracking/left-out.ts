import type { LinkTable, TrackedLink } from './link-table.ts';

/**
 * Links that were chosen but left out of the hot set. They stay in the table, so that they are not chosen again and again, until something
 * is removed from the set.
 */
export interface LeftOut {
  /** The set had no room for them, or cannot hold them. */
  add(links: readonly TrackedLink[]): void;
  remove(link: TrackedLink): void;
  /** Something was removed from the set. */
  roomWasMade(): void;
  /** Removes them from the table if there is room: they may be chosen again. */
  release(): void;
}

export function createLeftOut(table: Pick<LinkTable, 'remove'>): LeftOut {
  const links = new Set<TrackedLink>();
  let hasRoom = false;
  return {
    add(more) {
      for (const link of more) links.add(link);
      hasRoom = false;
    },
    remove: (link) => void links.delete(link),
    roomWasMade() {
      hasRoom = true;
    },
    release() {
      if (!hasRoom) return;
      for (const link of links) if (!link.entry) table.remove(link);
      links.clear();
    },
  };
}
