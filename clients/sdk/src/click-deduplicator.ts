import { toJsonString } from '@bufbuild/protobuf';
import { type Click, ClickSchema } from '../gen/hop/analytics/v1/click_pb.ts';

/** How many distinct clicks are remembered. */
const mostRemembered = 5_000;

/** Knows which clicks have been delivered, when both a stream and a list deliver them. */
export interface ClickDeduplicator {
  /** For a click from the stream: whether it is new. */
  fromStream(click: Click): boolean;
  /** For clicks from a list that was read while the stream was open: the new ones. */
  fromList(clicks: readonly Click[]): Click[];
}

/**
 * A click has no id, since nothing in it may identify the person. Equal clicks within a millisecond are told apart by counting: stream and
 * list each contain every click once, so the number delivered is the greater of the two counts.
 */
export function clickDeduplicator(): ClickDeduplicator {
  const byContent = new Map<string, { streamed: number; told: number }>();

  const entryOf = (click: Click) => {
    const key = toJsonString(ClickSchema, click);
    const entry = byContent.get(key) ?? { streamed: 0, told: 0 };
    byContent.set(key, entry);
    if (byContent.size > mostRemembered) byContent.delete(byContent.keys().next().value ?? '');
    return entry;
  };

  return {
    fromStream(click) {
      const entry = entryOf(click);
      entry.streamed += 1;
      if (entry.streamed <= entry.told) return false;
      entry.told += 1;
      return true;
    },
    fromList(clicks) {
      const listed = new Map<object, number>();
      return clicks.filter((click) => {
        const entry = entryOf(click);
        const count = (listed.get(entry) ?? 0) + 1;
        listed.set(entry, count);
        if (count <= entry.told) return false;
        entry.told += 1;
        return true;
      });
    },
  };
}
