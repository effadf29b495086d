import { toJsonString } from '@bufbuild/protobuf';
import { type Click, ClickSchema } from '../gen/hop/analytics/v1/click_pb.ts';

/** How many different clicks are remembered. */
const mostRemembered = 5_000;

/** Knows which clicks were told, when a stream and a list both tell them. */
export interface ClickDeduplicator {
  /** The stream tells a click: is it new? */
  fromStream(click: Click): boolean;
  /** A list, read while the stream was open, holds these: which are new? */
  fromList(clicks: readonly Click[]): Click[];
}

/**
 * A click has no id, for nothing in it may tell who followed. Two alike within a millisecond are told apart by counting: the stream tells
 * each click once, the list holds each once, and as many were told as the one that told more has told.
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
