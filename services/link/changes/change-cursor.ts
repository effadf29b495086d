/**
 * A place in the stream of changes: all changes that are visible in `snapshot` have been seen. Comparing snapshots instead of sequence
 * numbers or times lets a change be delivered as soon as it is committed, whatever other transactions are still open, without skipping any
 * (docs/decisions/0002-change-record.md).
 */
export interface ChangeCursor {
  /** Which database cluster (pg_control_system) and which timeline of it (another one begins when a standby is promoted). */
  readonly system: string;
  readonly timeline: string;
  /** pg_current_snapshot() as text: xmin:xmax:xip,… */
  readonly snapshot: string;
  /** When it was read, by the database's clock, in milliseconds since 1970. */
  readonly readAtMs: number;
}

const shape = /^1\.(\d{1,20})\.([0-9A-F]{8})\.(\d{1,16})\.(\d{1,20}:\d{1,20}:[\d,]*)$/;
const longestCursor = 65_536;

export function writeCursor({ system, timeline, snapshot, readAtMs }: ChangeCursor): string {
  return Buffer.from(`1.${system}.${timeline}.${readAtMs}.${snapshot}`).toString('base64url');
}

/** Undefined when the text is not a cursor of this version: its holder has to resynchronise. */
export function readCursor(text: string): ChangeCursor | undefined {
  if (text.length > longestCursor) return undefined;
  const [, system, timeline, readAt, snapshot] = shape.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? [];
  if (system === undefined || timeline === undefined || snapshot === undefined) return undefined;
  return { system, timeline, snapshot, readAtMs: Number(readAt) };
}

/**
 * Whether more has been seen at a place than at another, or the other is of another history. Compares the transactions that had begun,
 * because the database's clock may have been set back in between.
 */
export function isBeyond(place: ChangeCursor, other: ChangeCursor): boolean {
  const isSameHistory = place.system === other.system && place.timeline === other.timeline;
  return !isSameHistory || xmaxOf(place) > xmaxOf(other);
}

/** The first transaction that the snapshot may not have seen. */
export function xminOf({ snapshot }: ChangeCursor): bigint {
  return BigInt(snapshot.slice(0, snapshot.indexOf(':')));
}

/** The first transaction that had not begun. */
export function xmaxOf({ snapshot }: ChangeCursor): bigint {
  return BigInt(snapshot.split(':')[1] ?? '0');
}
