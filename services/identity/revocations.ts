import type { RevocationPosition, RevocationStore } from './store.ts';

export interface Revocations {
  /** What was revoked since the cursor; without a valid one, what was revoked in the last 20 minutes. */
  list(cursor: string): Promise<RevocationList>;
}

interface RevocationList {
  readonly credentialIds: readonly string[];
  readonly cursor: string;
  /** True: there is more now. */
  readonly more: boolean;
}

/** Longer than the 15 minutes that an access token lives, by more than clocks and transactions may be late. */
const revocationWindowMs = 20 * 60_000;
/** Some 200 KB. */
const mostAtOnce = 5_000;

export function createRevocations({
  store,
  limit = mostAtOnce,
}: {
  readonly store: RevocationStore;
  readonly limit?: number;
}): Revocations {
  return {
    async list(cursor) {
      const page = await store.listRevocations(decodeCursor(cursor), revocationWindowMs, limit);
      return {
        credentialIds: page.credentialIds,
        cursor: encodeCursor(page.position),
        more: page.position.cut !== undefined,
      };
    },
  };
}

export function encodeCursor({ primary, since, cut }: RevocationPosition): string {
  const text = [primary, since ?? '', cut?.until ?? '', cut?.after ?? ''].join('/');
  return Buffer.from(text).toString('base64url');
}

/** Undefined if invalid: repeating revocations is harmless, refusing would leave revoked keys alive. */
export function decodeCursor(cursor: string): RevocationPosition | undefined {
  const [primary = '', since = '', until = '', after = '', ...more] = Buffer.from(cursor, 'base64url')
    .toString('latin1')
    .split('/');
  if (!/^\d{1,20}-[0-9A-F]{8}$/.test(primary) || more.length > 0) return undefined;
  if ((since !== '' && !isMoment(since)) || (since === '' && until === '')) return undefined;
  const position = { primary, since: since === '' ? undefined : since };
  if (until === '') return after === '' ? { ...position, cut: undefined } : undefined;
  return isMoment(until) && /^\d{1,18}$/.test(after) ? { ...position, cut: { until, after } } : undefined;
}

const largest = 2n ** 63n;

/** Whether it is a snapshot with its time, in seconds since 1970. Early cursors had no time, and are still accepted. */
function isMoment(text: string): boolean {
  const [snapshot = '', time, ...more] = text.split('@');
  return isSnapshot(snapshot) && (time === undefined || /^\d{1,11}\.\d{1,6}$/.test(time)) && more.length === 0;
}

/** Whether it is valid as a pg_snapshot: `xmin:xmax:` and the transactions in progress, ascending, in between. */
function isSnapshot(text: string): boolean {
  const match = /^(\d{1,19}):(\d{1,19}):((?:\d{1,19}(?:,\d{1,19})*)?)$/.exec(text);
  if (!match?.[1] || !match[2]) return false;
  const xmin = BigInt(match[1]);
  const xmax = BigInt(match[2]);
  if (xmin < 1n || xmin > xmax || xmax >= largest) return false;
  let before = xmin - 1n;
  for (const part of match[3] ? match[3].split(',') : []) {
    const xid = BigInt(part);
    if (xid <= before || xid >= xmax) return false;
    before = xid;
  }
  return true;
}
