import { type ChangeCursor, readCursor } from './change-cursor.ts';
import { type ChangeLog, type Continuation, mostMissed } from './change-log.ts';
import type { WatchEvent } from './subscription.ts';

const pageSize = 1_000;

/** What a watcher with a cursor has missed. */
export async function* missedChanges(changeLog: ChangeLog, text: string): AsyncGenerator<readonly WatchEvent[]> {
  const cursor = readCursor(text);
  const continuation: Continuation = cursor
    ? await changeLog.continuation(cursor)
    : { outcome: 'cannot_continue', reason: 'The cursor cannot be read.' };
  if (continuation.outcome === 'cannot_continue') {
    yield [{ type: 'resynchronise', reason: continuation.reason }];
  } else if (continuation.outcome === 'continue' && cursor) {
    yield* changePages(changeLog, cursor, continuation.fromSeq);
  }
}

/** The changes after a cursor, starting from a given one. */
export async function* changePages(
  changeLog: ChangeLog,
  cursor: ChangeCursor,
  fromSeq: bigint,
): AsyncGenerator<readonly WatchEvent[]> {
  let after = fromSeq - 1n;
  for (let told = 0; told < mostMissed; told += pageSize) {
    const changes = await changeLog.page(cursor, after, pageSize);
    if (changes.length > 0) yield changes.map((change) => ({ type: 'change', change }));
    const last = changes.at(-1);
    if (!last || changes.length < pageSize) return;
    after = last.seq;
  }
  yield [{ type: 'resynchronise', reason: 'More changes were missed than are told again.' }];
}
